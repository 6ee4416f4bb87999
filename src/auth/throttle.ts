/** Slows down whoever guesses passwords: per account, per address, and per both. */

import { AppError } from '../core/errors.ts'
import { toNetwork } from '../core/network.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import { createKnownNetworks } from './known-networks.ts'
import type { PasswordGate } from './password-gate.ts'

export interface Throttled {
  readonly kind: 'throttled'
  readonly retryAfterMs: number
}

/** An attempt that counts as a failure unless it is told otherwise. */
export interface Attempt {
  readonly kind: 'begun'
  /** It succeeded: the failures of this account from this address are forgotten, and its network is known from now on. */
  succeeded(): void
  /** It was not a guess, say because the database is away. */
  void(): void
}

export interface Throttle {
  /** Without an account the address alone is limited, among attempts of this `what`. */
  begin(attempt: { readonly address: string; readonly what: string; readonly account?: string }): Attempt | Throttled
}

/** How long a network is known after a login. */
const knownMs = 30 * 24 * 3_600_000

/**
 * In memory, on this node.
 *
 * | failures of  | from        | at most                                                |
 * | an account   | one network | `failuresPerMinute` a minute, 5 × that in 15 minutes   |
 * | any accounts | one network | 10 × that a minute                                     |
 * | an account   | everywhere  | 10 × that in 15 minutes; see below                     |
 *
 * A network is an IPv4 address, or the first 64 bits of an IPv6 one. One of them alone cannot use up an account for everybody:
 * what is refused is not counted. Success does not clear what others have failed. A network from which the account has logged in
 * within 30 days is bound by the other limits alone, so that strangers, however many, do not lock people out of where they work.
 */
export function createThrottle({ failuresPerMinute, now }: { readonly failuresPerMinute: number; readonly now: () => number }): Throttle {
  // Many keys: whoever fills the memory with other accounts must not make an account's failures be forgotten.
  const limit = (maxFailures: number, minutes: number) =>
    createAttemptLimit({ maxFailures, windowMs: minutes * 60_000, maxKeys: 50_000, now })
  const pairs = [limit(failuresPerMinute, 1), limit(failuresPerMinute * 5, 15)]
  const networks = limit(failuresPerMinute * 10, 1)
  const accounts = limit(failuresPerMinute * 10, 15)
  const known = createKnownNetworks({ keepMs: knownMs, maxPairs: 10_000, maxNetworks: 8, now })

  return {
    begin({ address, what, account }) {
      const network = toNetwork(address)
      const own = pairs.map((limit) => ({ limit, key: `${network} ${what} ${account ?? ''}` }))
      const isStranger = account !== undefined && !known.has(account, network)
      const all = [...own, { limit: networks, key: network }, ...(isStranger ? [{ limit: accounts, key: account }] : [])]

      const waits = all.flatMap(({ limit, key }) => limit.waitMs(key) ?? [])
      if (waits.length > 0) return { kind: 'throttled', retryAfterMs: Math.max(...waits) }
      for (const { limit, key } of all) limit.count(key)
      let counted = true
      const uncount = (): void => {
        if (counted) for (const { limit, key } of all) limit.uncount(key)
        counted = false
      }
      return {
        kind: 'begun',
        void: uncount,
        succeeded() {
          uncount()
          for (const { limit, key } of own) limit.forget(key)
          if (account !== undefined) known.add(account, network)
        },
      }
    },
  }
}

/**
 * Runs `work` as an attempt inside the gate, or refuses it. A retryable error of `work` is no failed guess.
 *
 * Errors: those of `work`.
 */
export async function attemptAtGate<T>(
  { throttle, gate }: { readonly throttle: Throttle; readonly gate: PasswordGate },
  of: Parameters<Throttle['begin']>[0],
  work: (attempt: Attempt) => Promise<T>,
): Promise<T | Throttled> {
  if (gate.isFull()) return { kind: 'throttled', retryAfterMs: 1_000 }
  const attempt = throttle.begin(of)
  if (attempt.kind === 'throttled') return attempt
  return gate.enter(async () => {
    try {
      return await work(attempt)
    } catch (error) {
      if (error instanceof AppError && error.retryable) attempt.void()
      throw error
    }
  })
}
