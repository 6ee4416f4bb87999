/** Loads something at most so often, for all who ask at once. */

export interface CachedLoadOptions<T> {
  readonly load: () => Promise<T>
  /** How long what was loaded is good. */
  readonly keepMs: number
  /** How long a failure is good: nobody asks again meanwhile. */
  readonly retryAfterMs: number
  readonly now: () => number
}

/** Errors: the last one of `load`. */
export function createCachedLoad<T>({ load, keepMs, retryAfterMs, now }: CachedLoadOptions<T>): () => Promise<T> {
  let answer: Promise<T> | undefined
  let goodUntilMs = Number.NEGATIVE_INFINITY

  const begin = (): Promise<T> => {
    // Until it is there, everybody waits for this one.
    goodUntilMs = Number.POSITIVE_INFINITY
    const loading = load()
    loading.then(
      () => {
        goodUntilMs = now() + keepMs
      },
      () => {
        goodUntilMs = now() + retryAfterMs
      },
    )
    return loading
  }

  return () => {
    if (answer === undefined || now() >= goodUntilMs) answer = begin()
    return answer
  }
}
