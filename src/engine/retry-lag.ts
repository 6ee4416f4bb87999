/** For how long the oldest message that is due has waited for its queue, read from the snapshot of the retry scheduler. */
import type { Snapshot } from 'xstate'

/** The part of the scheduler's context that says what it knows to be due, and whether its looks fail. */
interface SchedulerFacts {
  /** When it looks next: epoch milliseconds; 0 before its first look, infinite when nothing is known to come. */
  readonly wakeAtMs: number
  /** Since when the oldest has been due that the last look has left something of; infinite when it has left none. */
  readonly dueSinceMs: number
  /** Looks that failed in a row. */
  readonly attempt: number
}

/**
 * Returns the lag in seconds at each call; 0 when nothing waits, undefined without a scheduler. While nobody looks it counts from
 * when the next one was due; while looks fail nobody knows what is due, so it counts from the first call that has seen them fail.
 */
export function createRetryLag(nowMs: () => number = Date.now): (scheduler: Snapshot<unknown> | undefined) => number | undefined {
  let failingSinceMs: number | undefined
  return (scheduler) => {
    const facts = readFacts(scheduler)
    if (facts === undefined) return undefined
    const now = nowMs()
    failingSinceMs = facts.attempt > 0 ? (failingSinceMs ?? now) : undefined
    const nextDueAtMs = facts.wakeAtMs > 0 ? facts.wakeAtMs : Number.POSITIVE_INFINITY
    return Math.max(0, now - Math.min(nextDueAtMs, facts.dueSinceMs, failingSinceMs ?? Number.POSITIVE_INFINITY)) / 1000
  }
}

function readFacts(snapshot: Snapshot<unknown> | undefined): SchedulerFacts | undefined {
  if (snapshot === undefined || !('context' in snapshot)) return undefined
  const { wakeAtMs, dueSinceMs, attempt } = snapshot.context as Partial<SchedulerFacts>
  const isKnown = typeof wakeAtMs === 'number' && typeof dueSinceMs === 'number' && typeof attempt === 'number'
  return isKnown ? { wakeAtMs, dueSinceMs, attempt } : undefined
}
