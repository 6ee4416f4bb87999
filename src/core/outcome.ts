/** What a handler says about a message, as a value. */

export interface Retry {
  readonly kind: 'retry'
  readonly reason: string
  readonly afterMs?: number
  /** The name of the error; `nonRetryable` of the policy and the groups of failures go by it. */
  readonly errorClass?: string
}

export interface Reject {
  readonly kind: 'reject'
  readonly reason: string
  readonly errorClass?: string
}

export type Outcome = { readonly kind: 'ack' } | Retry | Reject

export const ack: Outcome = { kind: 'ack' }

/** Ask for another attempt, after `afterMs` or as the retry policy says. `reason` is shown to operators. */
export const retry = (reason: string, afterMs?: number): Retry =>
  afterMs === undefined ? { kind: 'retry', reason } : { kind: 'retry', reason, afterMs }

/** Give the message up. `reason` is shown to operators. */
export const reject = (reason: string): Reject => ({ kind: 'reject', reason })

/** True for a value that is an outcome; user handlers may return anything. */
export function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  if (value.kind === 'ack') return true
  return (value.kind === 'retry' || value.kind === 'reject') && 'reason' in value && typeof value.reason === 'string'
}
