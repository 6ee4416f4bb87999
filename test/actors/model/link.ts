/** What lies between a node and a server: every call takes a while, may be refused, may lose its answer, and ends with its node. */
import { AppError, type ErrorCode } from '../../../src/core/errors.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Link {
  /** Its node was killed: nothing it asks for is done any more, and nothing it waits for comes. */
  readonly dead: boolean
  kill(): void
  /** The server is away until it is told that it is not. */
  away: boolean
  /** The next calls that are to fail: before they have taken effect, or after it. */
  failing: ('before' | 'after')[]
  /** Carries out `apply` on the server, at once or a little later, and answers a little later. */
  call<T>(apply: () => T): Promise<T>
}

/** Most calls take no time; some let others overtake. */
const hopsMs = [0, 0, 0, 0, 0, 1, 3, 20]

export function createLink(time: VirtualTime, code: ErrorCode): Link {
  const never = new Promise<never>(() => {})
  const hop = async (): Promise<void> => {
    const ms = hopsMs[time.draw(hopsMs.length)] ?? 0
    if (ms > 0) await time.wait(ms)
    if (link.dead) await never
  }
  const refuse = (): never => {
    throw new AppError(code, 'the server is away', { retryable: true })
  }
  const link = {
    dead: false,
    away: false,
    failing: [] as ('before' | 'after')[],
    kill() {
      link.dead = true
    },
    async call<T>(apply: () => T): Promise<T> {
      await hop()
      const fault = link.failing.shift()
      if (link.away || fault === 'before') refuse()
      const answer = apply()
      await hop()
      if (fault === 'after') refuse()
      return answer
    },
  }
  return link
}
