/** What watchers are given to go on from: numbers of the feed, sealed, so that nobody learns from them how much others do. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { TenantId } from '../../core/ids.ts'

export interface WatchIds {
  /** 22 characters, others each time: whether two stand for the same number is not to be seen, either. */
  seal(seq: number): string
  /** undefined for what was not sealed with the same key, for those who watch the same tenant. */
  open(id: string): number | undefined
}

const algorithm = 'aes-128-ecb'
const [seqBytes, randomLength, tagBytes] = [6, 6, 4]
const blockBytes = seqBytes + randomLength + tagBytes
const idLength = Math.ceil((blockBytes * 8) / 6)

/** A key of its own for each call; undefined stands for those who watch all tenants. An id is one block, so none is like another. */
export function createWatchIds(): (tenantId: TenantId | undefined) => WatchIds {
  const key = randomBytes(16)
  const cipher = createCipheriv(algorithm, key, null).setAutoPadding(false)
  const decipher = createDecipheriv(algorithm, key, null).setAutoPadding(false)

  return (tenantId) => {
    const tag = createHash('sha256')
      .update(tenantId ?? '')
      .digest()
      .subarray(0, tagBytes)
    return {
      seal(seq) {
        const block = Buffer.concat([Buffer.alloc(seqBytes), randomBytes(randomLength), tag])
        block.writeUIntBE(seq, 0, seqBytes)
        return cipher.update(block).toString('base64url')
      },

      open(id) {
        const sealed = id.length === idLength ? Buffer.from(id, 'base64url') : undefined
        // Less would wait in the decipher for the rest of its block.
        if (sealed?.length !== blockBytes) return undefined
        const block = decipher.update(sealed)
        return block.subarray(-tagBytes).equals(tag) ? block.readUIntBE(0, seqBytes) : undefined
      },
    }
  }
}
