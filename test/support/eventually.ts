/** Waits for a fact to become true, instead of for a time to pass. */

export interface EventuallyOptions {
  readonly timeoutMs?: number
  readonly everyMs?: number
}

/**
 * Resolves with what `check` returns as soon as it neither throws nor returns false.
 *
 * Units:  milliseconds; 30 s at most unless told otherwise, looked at every 10 ms.
 * Errors: what `check` threw last, or that it kept returning false.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 30_000, everyMs = 10 } = options
  const endsAt = Date.now() + timeoutMs
  for (;;) {
    try {
      const result = await check()
      if (result !== false) return result
      if (Date.now() >= endsAt) throw new Error(`not true within ${timeoutMs} ms`)
    } catch (error) {
      if (Date.now() >= endsAt) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
