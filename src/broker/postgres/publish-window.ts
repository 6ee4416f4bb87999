/** How much may be published and not yet confirmed: a bound on messages and on bytes. */
import { AppError } from '../../core/errors.ts'

export interface PublishWindow {
  /** Takes room for these messages. Throws `broker.window_full`. */
  take(count: number, bytes: number): void
  give(count: number, bytes: number): void
  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void>
}

export function createPublishWindow(maxCount: number, maxBytes: number): PublishWindow {
  let count = 0
  let bytes = 0
  let waiting: (() => void)[] = []

  return {
    take(moreCount, moreBytes) {
      // A call larger than the window would never fit: it may go alone.
      if (count > 0 && (count + moreCount > maxCount || bytes + moreBytes > maxBytes)) {
        throw new AppError('broker.window_full', 'too many unconfirmed publishes', {
          retryable: true,
          scope: 'connection',
          details: { inFlight: count, inFlightBytes: bytes },
        })
      }
      count += moreCount
      bytes += moreBytes
    },
    give(lessCount, lessBytes) {
      count -= lessCount
      bytes -= lessBytes
      if (count > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    whenIdle() {
      return count === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
    },
  }
}
