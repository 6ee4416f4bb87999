/** Decides what follows a crash: another try after a delay, or quarantine. */
import { type BackoffPolicy, computeBackoffMs } from '../../src/core/backoff.ts'

export interface RestartPolicy {
  readonly backoff: BackoffPolicy
  /** More crashes than this within the window spend the budget. */
  readonly maxRestarts: number
  readonly windowMs: number
  /** How long a quarantined tenant waits before it is tried again. */
  readonly probationMs: number
}

export type RestartVerdict =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly crashes: readonly number[] }
  | { readonly kind: 'quarantine'; readonly crashes: readonly number[] }

/**
 * Decides on a crash at `nowMs`, given the times of earlier ones.
 *
 * Shape:  `crashes` in the verdict are the times that still count, this one included.
 * Units:  epoch milliseconds; delays in milliseconds.
 * Errors: none; total.
 */
export function decideRestart(
  earlier: readonly number[],
  nowMs: number,
  policy: RestartPolicy,
  random: () => number = Math.random,
): RestartVerdict {
  const crashes = [...earlier.filter((at) => nowMs - at < policy.windowMs), nowMs]
  if (crashes.length > policy.maxRestarts) return { kind: 'quarantine', crashes }
  return { kind: 'restart', delayMs: computeBackoffMs(crashes.length, policy.backoff, random), crashes }
}
