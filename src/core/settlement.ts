/** From a handler's outcome to what is recorded. */
import { type AttemptRecord, type Failure, processed, type Settlement, toErrorText, toStorable } from './failure.ts'
import type { Delivery } from './message.ts'
import type { Outcome } from './outcome.ts'
import { computeRetryDelayMs, maxRetryDelayMs, type RetryPolicy } from './retry-policy.ts'

/** One attempt of a message, as it ended. `runs` holds the failed runs in the process before the last one. */
export interface EndedAttempt {
  readonly delivery: Pick<Delivery, 'attempt' | 'firstAttempt'>
  readonly outcome: Outcome
  readonly startedAtMs: number
  readonly durationMs: number
  readonly runs?: readonly AttemptRecord[]
}

/**
 * Decides what happens to a delivery after its handler has answered.
 *
 * | outcome                       | runs left | recorded as                          |
 * | ack                           | –         | processed                            |
 * | retry                         | yes       | retrying, due after `afterMs` or the policy's delay |
 * | retry                         | no        | failed: attempts exhausted           |
 * | retry, a non-retryable class  | –         | failed: not retryable                |
 * | reject                        | –         | failed: rejected                     |
 *
 * Units:  milliseconds.
 * Errors: none; total.
 */
export function decideSettlement(ended: EndedAttempt, policy: RetryPolicy, random: () => number = Math.random): Settlement {
  const { outcome, delivery } = ended
  if (outcome.kind === 'ack') return processed
  const failure = toFailure(outcome)
  const history = [...(ended.runs ?? []), toAttemptRecord(ended, failure)]
  const fail = (reason: string): Settlement => ({ kind: 'failed', failure, reason, history })
  if (outcome.kind === 'reject') return fail(rejections[failure.errorClass] ?? 'the handler gave it up')
  if (policy.nonRetryable.includes(failure.errorClass)) return fail(`${failure.errorClass} is not retryable`)
  const run = delivery.attempt - delivery.firstAttempt + 1
  const delayMs = computeRetryDelayMs(policy, run, random)
  if (delayMs === undefined) return fail(run === 1 ? 'its only attempt has failed' : `all ${run} attempts have failed`)
  const wantedMs = Math.min(maxRetryDelayMs, readAfterMs(outcome.afterMs) ?? delayMs)
  const endedAtMs = ended.startedAtMs + ended.durationMs
  return {
    kind: 'retrying',
    failure,
    dueAtMs: Math.round(endedAtMs + wantedMs),
    firstAttempt: delivery.firstAttempt,
    order: policy.order,
    history,
  }
}

/** A handler may have computed it from anything: what is no number is none. */
const readAfterMs = (afterMs: unknown): number | undefined =>
  typeof afterMs === 'number' && !Number.isNaN(afterMs) ? Math.max(0, afterMs) : undefined

const rejections: Readonly<Record<string, string>> = {
  InvalidData: 'the data does not fit the schema',
  InvalidOutcome: 'the handler returned no outcome',
  HandlerCrashed: 'the handler broke its contract',
}

export const toFailure = (outcome: Exclude<Outcome, { kind: 'ack' }>): Failure => ({
  errorClass: toStorable(toErrorText(outcome.errorClass ?? (outcome.kind === 'retry' ? 'Retry' : 'Rejected')).slice(0, 200)),
  error: toErrorText(outcome.reason),
})

export const toAttemptRecord = (ended: Omit<EndedAttempt, 'outcome'>, failure: Failure): AttemptRecord => ({
  attempt: ended.delivery.attempt,
  startedAtMs: Math.round(ended.startedAtMs),
  durationMs: Math.round(ended.durationMs),
  outcome: 'failed',
  ...failure,
})
