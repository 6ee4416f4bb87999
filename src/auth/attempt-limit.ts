/** Limits how often something may fail within a window, per key, in bounded memory. */

export interface AttemptLimit {
  /** Counts an attempt; returns the milliseconds to wait when there were too many, else undefined. */
  begin(key: string): number | undefined
  /** The attempt succeeded: the key's earlier failures are forgotten. */
  succeeded(key: string): void
}

export interface AttemptLimitOptions {
  readonly maxFailures: number
  readonly windowMs: number
  /** Beyond this many keys the oldest is forgotten. */
  readonly maxKeys: number
  readonly now: () => number
}

/**
 * Attempts are counted when they begin, so that a burst in parallel cannot pass before the first failure is known.
 */
export function createAttemptLimit({ maxFailures, windowMs, maxKeys, now }: AttemptLimitOptions): AttemptLimit {
  const windows = new Map<string, { count: number; readonly endsAtMs: number }>()

  return {
    begin(key) {
      const window = windows.get(key)
      if (window && now() < window.endsAtMs) {
        if (window.count >= maxFailures) return window.endsAtMs - now()
        window.count++
        return undefined
      }
      windows.delete(key)
      if (windows.size >= maxKeys) windows.delete(windows.keys().next().value ?? '')
      windows.set(key, { count: 1, endsAtMs: now() + windowMs })
      return undefined
    },
    succeeded(key) {
      windows.delete(key)
    },
  }
}
