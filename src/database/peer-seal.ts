/** Seals the notes of the peers: whoever may connect to the database may listen to a channel, and send notes to it. */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { AppError } from '../core/errors.ts'

export interface NoteSeal {
  /** A note of 7,999 bytes at most. Units: up to `maxPlainBytes`. */
  seal(plain: Buffer): string
  /** What was sealed with one of the keys; undefined for anything else. */
  open(note: string): Buffer | undefined
}

const maxNoteBytes = 7_999
const algorithm = 'aes-256-gcm'
const saltBytes = 16
const ivBytes = 12
const tagBytes = 16
const headBytes = saltBytes + ivBytes

/** What fits into a note, in base64 and with its seal. */
export const maxPlainBytes = Math.floor(maxNoteBytes / 4) * 3 - headBytes - tagBytes

/**
 * The first key seals, all open. A note has a key of its own, made of the installation's and a salt: so no number of notes is too
 * many for their random initialization vectors.
 *
 * Shape:  keys of 32 bytes; a note is salt, vector, sealed text and tag, in base64.
 * Errors: `config.invalid` without a key.
 */
export function createNoteSeal(keys: readonly Buffer[]): NoteSeal {
  const [current] = keys
  if (current === undefined) throw new AppError('config.invalid', 'notes between nodes cannot be sealed without a key')
  return {
    seal(plain) {
      const head = randomBytes(headBytes)
      const cipher = createCipheriv(algorithm, toNoteKey(current, head), head.subarray(saltBytes), { authTagLength: tagBytes })
      return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
    },
    open(note) {
      const sealed = Buffer.from(note, 'base64')
      if (sealed.length < headBytes + tagBytes) return undefined
      for (const key of keys) {
        const plain = openWith(key, sealed)
        if (plain !== undefined) return plain
      }
      return undefined
    },
  }
}

const toNoteKey = (key: Buffer, head: Buffer): Buffer => createHmac('sha256', key).update(head.subarray(0, saltBytes)).digest()

function openWith(key: Buffer, sealed: Buffer): Buffer | undefined {
  try {
    const head = sealed.subarray(0, headBytes)
    const decipher = createDecipheriv(algorithm, toNoteKey(key, head), head.subarray(saltBytes), { authTagLength: tagBytes })
    decipher.setAuthTag(sealed.subarray(-tagBytes))
    return Buffer.concat([decipher.update(sealed.subarray(headBytes, -tagBytes)), decipher.final()])
  } catch {
    return undefined
  }
}
