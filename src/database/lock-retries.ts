/** Repeats work that lost a race for a lock. */
import { setTimeout as wait } from 'node:timers/promises'
import { type BackoffPolicy, computeBackoffMs } from '../core/backoff.ts'
import { isLockConflict } from './errors.ts'

const maxAttempts = 12
const backoff: BackoffPolicy = { baseMs: 50, factor: 2, capMs: 1_000 }

/**
 * Runs `work` until it is not refused for a lock, at most 12 times. `work` leaves nothing behind when it is refused, or resumes.
 *
 * Units: with a lock timeout of 2 s it ends within 35 s.
 * Errors: the last refusal; any other error at once.
 */
export async function withLockRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === maxAttempts || !isLockConflict(error)) throw error
    }
    await wait(computeBackoffMs(attempt, backoff))
  }
}
