/** What a handler says about a message, as a value. */

export type Outcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  | { readonly kind: 'reject'; readonly reason: string }

export const ack: Outcome = { kind: 'ack' }

/** Ask for another attempt. `reason` is shown to operators. */
export const retry = (reason: string, afterMs?: number): Outcome =>
  afterMs === undefined ? { kind: 'retry', reason } : { kind: 'retry', reason, afterMs }

/** Give the message up. `reason` is shown to operators. */
export const reject = (reason: string): Outcome => ({ kind: 'reject', reason })

/** True for a value that is an outcome; user handlers may return anything. */
export function isOutcome(value: unknown): value is Outcome {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false
  if (value.kind === 'ack') return true
  return (value.kind === 'retry' || value.kind === 'reject') && 'reason' in value && typeof value.reason === 'string'
}
