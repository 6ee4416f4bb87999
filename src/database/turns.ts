/** Lets so many pieces of work use a connection at once; the others wait, each owner's in a line of its own, and not for ever. */
import pLimit, { type LimitFunction } from 'p-limit'
import { AppError } from '../core/errors.ts'

/**
 * Runs `work` when it is its turn. Those of different owners take turns, however much one of them asks for; work without an
 * owner is one owner's. Errors: those of `work`; AppError `database.unavailable` when it does not get its turn.
 */
export type Turns = <T>(work: () => Promise<T>, owner?: string) => Promise<T>

export interface TurnsOptions {
  /** How many run at once. */
  readonly places: number
  /** How many of one owner run at once; `places` when undefined. */
  readonly placesOfOne?: number
  /** Of one owner. */
  readonly maxWaiting: number
  /** How long one waits for its turn. */
  readonly maxWaitMs: number
  /** What is being done, for the error: `lists are being read`. */
  readonly doing: string
}

export function createTurns({ places, placesOfOne = places, maxWaiting, maxWaitMs, doing }: TurnsOptions): Turns {
  // Nobody has more than `placesOfOne` in the common line, so whoever is next in it waits for a few of each other owner at most.
  const all = pLimit(places)
  const ofOwners = new Map<string, { readonly limit: LimitFunction; users: number }>()

  return async (work, owner = '') => {
    const own = ofOwners.get(owner) ?? { limit: pLimit(placesOfOne), users: 0 }
    if (own.limit.pendingCount >= maxWaiting) throw unavailable(`too many ${doing}`)
    ofOwners.set(owner, own)
    own.users += 1
    let timer: NodeJS.Timeout | undefined
    let hasGivenUp = false
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        hasGivenUp = true
        reject(unavailable(`${doing} for so long that this one did not get its turn within ${maxWaitMs} ms`))
      }, maxWaitMs)
    })
    const inTurn = async () => {
      clearTimeout(timer)
      try {
        return await (hasGivenUp ? tooLate : work())
      } finally {
        own.users -= 1
        if (own.users === 0) ofOwners.delete(owner)
      }
    }
    return Promise.race([own.limit(() => all(inTurn)), tooLate])
  }
}

const unavailable = (text: string): AppError => new AppError('database.unavailable', text, { retryable: true, scope: 'process' })
