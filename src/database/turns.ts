/** Lets so many pieces of work use a connection at once; the others wait, not too many of them and not for ever. */
import pLimit from 'p-limit'
import { AppError } from '../core/errors.ts'

/** Runs `work` when it is its turn. Errors: those of `work`; AppError `database.unavailable` when it does not get one. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

export interface TurnsOptions {
  /** How many run at once. */
  readonly places: number
  readonly maxWaiting: number
  /** How long one waits for its turn. */
  readonly maxWaitMs: number
  /** What is being done, for the error: `lists are being read`. */
  readonly doing: string
}

export function createTurns({ places, maxWaiting, maxWaitMs, doing }: TurnsOptions): Turns {
  const limit = pLimit(places)
  return async (work) => {
    if (limit.pendingCount >= maxWaiting) throw unavailable(`too many ${doing}`)
    let timer: NodeJS.Timeout | undefined
    let hasGivenUp = false
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        hasGivenUp = true
        reject(unavailable(`${doing} for so long that this one did not get its turn within ${maxWaitMs} ms`))
      }, maxWaitMs)
    })
    const done = limit(async () => {
      clearTimeout(timer)
      return hasGivenUp ? tooLate : work()
    })
    return Promise.race([done, tooLate])
  }
}

const unavailable = (text: string): AppError => new AppError('database.unavailable', text, { retryable: true, scope: 'process' })
