/** A bound on a wait. */
import { setTimeout as delay } from 'node:timers/promises'

/** Resolves when the promise has settled, either way, or `ms` have passed. Never rejects; leaves no timer. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  const settled = new AbortController()
  const expired = delay(ms, undefined, { signal: settled.signal }).catch(() => undefined)
  await Promise.race([promise.catch(() => undefined), expired])
  settled.abort()
}
