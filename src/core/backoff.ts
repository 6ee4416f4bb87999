/** Delays between attempts: exponential with full jitter. */

export interface BackoffPolicy {
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
}

/**
 * The delay before attempt `attempt + 1`, drawn evenly from (0.5, 1] of base × factor^(attempt−1), at most `capMs`.
 *
 * Shape: `attempt` counts from 1. `random` is in [0, 1).
 * Units: milliseconds.
 */
export function computeBackoffMs(attempt: number, policy: BackoffPolicy, random: () => number = Math.random): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * policy.factor ** (Math.max(1, attempt) - 1))
  return Math.round(ceiling * (1 - random() / 2))
}
