/** Puts the parts of letters together, of not too many at once, and not for ever. */
import { type Letter, type LetterPart, readBody } from './peer-letters.ts'

export interface ReceivedLetter extends Letter {
  /** undefined when it could not be read. */
  readonly body: unknown
}

export interface Assembly {
  /** The letter that this part completes; undefined when parts are missing, or when it was complete before. Never throws. */
  add(part: LetterPart): ReceivedLetter | undefined
}

interface Incomplete {
  readonly chunks: (Buffer | undefined)[]
  readonly beganAtMs: number
  missing: number
  bytes: number
}

const maxIncomplete = 100
const maxIncompleteBytes = 16 * 1024 * 1024
const keepIncompleteMs = 10_000
/** Letters that are known to have arrived: a note may be heard twice, or be sent again by somebody who has heard it. */
const maxRemembered = 1_000

/** An incomplete letter is given up when another comes and it is 10 s old, or is the oldest of 100 or of 16 MiB. */
export function createAssembly(nowMs: () => number = () => performance.now()): Assembly {
  const incomplete = new Map<string, Incomplete>()
  const arrived = new Set<string>()
  let bytes = 0

  function remember(key: string): void {
    arrived.add(key)
    for (const oldest of arrived) {
      if (arrived.size <= maxRemembered) return
      arrived.delete(oldest)
    }
  }

  function forget(key: string, letter: Incomplete): void {
    incomplete.delete(key)
    bytes -= letter.bytes
  }

  function giveUpOld(most: number): void {
    for (const [key, letter] of incomplete) {
      const isTooMany = incomplete.size > most || bytes > maxIncompleteBytes
      if (!isTooMany && letter.beganAtMs > nowMs() - keepIncompleteMs) return
      forget(key, letter)
    }
  }

  function begin(key: string, parts: number): Incomplete {
    giveUpOld(maxIncomplete - 1)
    const letter = { chunks: new Array<undefined>(parts), beganAtMs: nowMs(), missing: parts, bytes: 0 }
    incomplete.set(key, letter)
    return letter
  }

  return {
    add({ part, parts, deflated, chunk, ...letter }) {
      const key = `${letter.from} ${letter.id}`
      if (arrived.has(key)) return undefined
      const known = incomplete.get(key) ?? begin(key, parts)
      if (known.chunks.length !== parts || known.chunks[part] !== undefined) return undefined
      known.chunks[part] = chunk
      known.missing -= 1
      known.bytes += chunk.length
      bytes += chunk.length
      if (known.missing > 0) {
        giveUpOld(maxIncomplete)
        return undefined
      }
      forget(key, known)
      remember(key)
      return { ...letter, body: readBody(Buffer.concat(known.chunks.filter((each) => each !== undefined)), deflated) }
    },
  }
}
