/** Bounds what waits for a confirm: amqplib buffers without limit. */
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'

export interface WindowLimits {
  readonly maxInFlight: number
  readonly maxInFlightPerTenant: number
  readonly maxInFlightBytes: number
}

/** One message's place in the window. */
export interface Slot {
  readonly share: { readonly tenantId: TenantId; count: number }
  readonly bytes: number
}

export interface PublishWindow {
  /**
   * Throws `broker.window_full` when `count` more messages of `bytes` do not fit now. What alone is larger than the window
   * fits when nothing else is in it.
   */
  admit(tenantId: TenantId, count: number, bytes: number): void
  /** Takes a place, whether or not there is room. */
  enter(tenantId: TenantId, bytes: number): Slot
  /** Gives the place back; once. */
  leave(slot: Slot): void
}

export function createPublishWindow(limits: WindowLimits): PublishWindow {
  const shares = new Map<TenantId, Slot['share']>()
  let messages = 0
  let bytesInFlight = 0

  return {
    admit(tenantId, count, bytes) {
      const ofTenant = shares.get(tenantId)?.count ?? 0
      const overTenant = ofTenant > 0 && ofTenant + count > limits.maxInFlightPerTenant
      const overNode = messages > 0 && (messages + count > limits.maxInFlight || bytesInFlight + bytes > limits.maxInFlightBytes)
      if (!overTenant && !overNode) return
      throw new AppError('broker.window_full', 'too many publishes wait for their confirm', {
        retryable: true,
        scope: overTenant ? 'tenant' : 'process',
        details: { inFlight: messages, inFlightOfTenant: ofTenant },
      })
    },
    enter(tenantId, bytes) {
      let share = shares.get(tenantId)
      if (!share) {
        share = { tenantId, count: 0 }
        shares.set(tenantId, share)
      }
      share.count++
      messages++
      bytesInFlight += bytes
      return { share, bytes }
    },
    leave({ share, bytes }) {
      if (--share.count === 0) shares.delete(share.tenantId)
      messages--
      bytesInFlight -= bytes
    },
  }
}
