/** Limits how often something may fail within a window, per key, in bounded memory. */

export interface AttemptLimit {
  /** The milliseconds to wait when there were too many, else undefined. */
  waitMs(key: string): number | undefined
  /** Counts an attempt: when it begins, so that a burst in parallel cannot pass before the first failure is known. */
  count(key: string): void
  /** The attempt was no failure. */
  uncount(key: string): void
  /** The key's earlier failures are forgotten, too. */
  forget(key: string): void
}

export interface AttemptLimitOptions {
  readonly maxFailures: number
  readonly windowMs: number
  /** Beyond this many keys the oldest is forgotten. */
  readonly maxKeys: number
  readonly now: () => number
}

/** A window begins with the first attempt. */
export function createAttemptLimit({ maxFailures, windowMs, maxKeys, now }: AttemptLimitOptions): AttemptLimit {
  const windows = new Map<string, { count: number; readonly endsAtMs: number }>()

  const current = (key: string) => {
    const window = windows.get(key)
    return window && now() < window.endsAtMs ? window : undefined
  }

  return {
    waitMs(key) {
      const window = current(key)
      return window && window.count >= maxFailures ? window.endsAtMs - now() : undefined
    },
    count(key) {
      const window = current(key)
      if (window) {
        window.count++
        return
      }
      windows.delete(key)
      if (windows.size >= maxKeys) windows.delete(windows.keys().next().value ?? '')
      windows.set(key, { count: 1, endsAtMs: now() + windowMs })
    },
    uncount(key) {
      const window = current(key)
      if (window) window.count = Math.max(0, window.count - 1)
    },
    forget(key) {
      windows.delete(key)
    },
  }
}
