/** When a message that failed is tried again, and when it is given up. */

interface PolicyBase {
  /** Names of error classes that no other attempt can mend: the message is given up at once. */
  readonly nonRetryable: readonly string[]
  /** Runs within one attempt that follow a failure without leaving the process; 0 by default. */
  readonly immediateRetries: number
  /** Which of a tenant's due messages go first. */
  readonly order: RetryOrder
}

export type RetryOrder = 'oldest' | 'latest'

/** Exponential with full jitter: a delay is drawn evenly from 0 to base × factor^(n−1), at most the cap. */
export interface ExponentialRetry extends PolicyBase {
  readonly strategy: 'exponential'
  /** Runs in all, the first included. */
  readonly attempts: number
  readonly baseMs: number
  readonly factor: number
  readonly capMs: number
}

/** A list of delays: as many retries as it has entries. */
export interface FixedRetry extends PolicyBase {
  readonly strategy: 'fixed'
  readonly delaysMs: readonly number[]
}

export type RetryPolicy = ExponentialRetry | FixedRetry

export const defaultRetryPolicy: RetryPolicy = {
  strategy: 'exponential',
  attempts: 10,
  baseMs: 1_000,
  factor: 2,
  capMs: 3_600_000,
  nonRetryable: [],
  immediateRetries: 0,
  order: 'oldest',
}

const minuteMs = 60_000

/** Policies that have a name. `location`: eight retries, each wait twice the one before, the latest message first. */
export const namedRetryPolicies: Readonly<Record<string, RetryPolicy>> = {
  default: defaultRetryPolicy,
  location: {
    strategy: 'fixed',
    delaysMs: [1, 2, 4, 8, 16, 32, 64, 128].map((minutes) => minutes * minuteMs),
    nonRetryable: [],
    immediateRetries: 0,
    order: 'latest',
  },
  none: { ...defaultRetryPolicy, attempts: 1 },
}

/** The most a delay can be: what a handler asks for is cut to it. */
export const maxRetryDelayMs = 30 * 24 * 60 * minuteMs

/** Runs in all that a policy allows. */
export const maxAttemptsOf = (policy: RetryPolicy): number =>
  policy.strategy === 'exponential' ? policy.attempts : policy.delaysMs.length + 1

/**
 * The wait after the run number `run` has failed; undefined when that was the last the policy allows.
 *
 * Shape: `run` counts from 1. `random` is in [0, 1).
 * Units: milliseconds.
 */
export function computeRetryDelayMs(policy: RetryPolicy, run: number, random: () => number = Math.random): number | undefined {
  if (run >= maxAttemptsOf(policy)) return undefined
  if (policy.strategy === 'fixed') return policy.delaysMs[run - 1]
  return Math.round(Math.min(policy.capMs, policy.baseMs * policy.factor ** (run - 1)) * random())
}

/** What a tenant's configuration or a handler may say: a name, or a policy whose missing parts are the base's. */
export type RetryPolicyPatch = string | Partial<Omit<ExponentialRetry, 'strategy'>> | (Partial<PolicyBase> & Pick<FixedRetry, 'delaysMs'>)

const exponentialParts = ['attempts', 'baseMs', 'factor', 'capMs']

/** Errors: none; an unknown name is the base. */
export function applyRetryPatch(base: RetryPolicy, patch: RetryPolicyPatch | undefined): RetryPolicy {
  if (patch === undefined) return base
  if (typeof patch === 'string') return (Object.hasOwn(namedRetryPolicies, patch) ? namedRetryPolicies[patch] : undefined) ?? base
  const { nonRetryable, immediateRetries, order } = base
  const common = { nonRetryable, immediateRetries, order }
  if ('delaysMs' in patch) return { ...common, ...patch, strategy: 'fixed' }
  // What every policy has changes nothing about the waits.
  if (base.strategy === 'fixed' && !exponentialParts.some((part) => part in patch)) return { ...base, ...(patch as Partial<PolicyBase>) }
  const exponential = base.strategy === 'exponential' ? base : { ...defaultRetryPolicy, ...common }
  return { ...(exponential as ExponentialRetry), ...patch, strategy: 'exponential' }
}
