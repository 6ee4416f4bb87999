/** Bounds what waits for its confirm: messages and bytes of a node, messages of each tenant. */
import { AppError, type ErrorScope } from './errors.ts'
import type { TenantId } from './ids.ts'
import type { OutboundMessage } from './message.ts'

export interface WindowLimits {
  readonly maxInFlight: number
  readonly maxInFlightPerTenant: number
  readonly maxInFlightBytes: number
}

/** A message with its place in the window. */
export interface Admitted {
  readonly message: OutboundMessage
  /** Gives the place back; once. */
  readonly leave: () => void
}

/** All messages of a call are for one tenant. What alone is larger than the window fits when nothing else is in it. */
export interface PublishWindow {
  /** Throws `broker.window_full` when they do not fit now. */
  take(messages: readonly OutboundMessage[]): readonly Admitted[]
  /** Waits until they fit. Rejects with `broker.window_full` once `patience` is aborted. */
  takeWhenRoom(messages: readonly OutboundMessage[], patience: AbortSignal): Promise<readonly Admitted[]>
  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void>
}

export function createPublishWindow(limits: WindowLimits): PublishWindow {
  const shares = new Map<TenantId, number>()
  const waiting = new Set<() => void>()
  let idlers: (() => void)[] = []
  let count = 0
  let bytes = 0

  const findFull = (messages: readonly OutboundMessage[], moreBytes: number): AppError | undefined => {
    const [first] = messages
    if (!first) return undefined
    const ofTenant = shares.get(first.tenantId) ?? 0
    const overTenant = ofTenant > 0 && ofTenant + messages.length > limits.maxInFlightPerTenant
    const overNode = count > 0 && (count + messages.length > limits.maxInFlight || bytes + moreBytes > limits.maxInFlightBytes)
    if (!overTenant && !overNode) return undefined
    const details = { inFlight: count, inFlightOfTenant: ofTenant, inFlightBytes: bytes }
    return windowFull('too many publishes wait for their confirm', overTenant ? 'tenant' : 'process', details)
  }

  const leave = (tenantId: TenantId, size: number): void => {
    const left = (shares.get(tenantId) ?? 1) - 1
    if (left > 0) shares.set(tenantId, left)
    else shares.delete(tenantId)
    count--
    bytes -= size
    for (const tryAgain of waiting) tryAgain()
    if (count > 0) return
    for (const resolve of idlers) resolve()
    idlers = []
  }

  const enter = (message: OutboundMessage): Admitted => {
    const { tenantId } = message
    const size = Buffer.byteLength(message.body)
    shares.set(tenantId, (shares.get(tenantId) ?? 0) + 1)
    count++
    bytes += size
    return { message, leave: () => leave(tenantId, size) }
  }

  return {
    take(messages) {
      const full = findFull(messages, countBytes(messages))
      if (full) throw full
      return messages.map(enter)
    },
    takeWhenRoom(messages, patience) {
      const moreBytes = countBytes(messages)
      return new Promise((resolve, reject) => {
        const tryIt = (): void => {
          const full = findFull(messages, moreBytes)
          if (full && !patience.aborted) {
            waiting.add(tryIt)
            return
          }
          waiting.delete(tryIt)
          patience.removeEventListener('abort', tryIt)
          if (patience.aborted) reject(full ?? windowFull('the confirms of the others took too long', 'tenant'))
          else resolve(messages.map(enter))
        }
        patience.addEventListener('abort', tryIt)
        tryIt()
      })
    },
    whenIdle: () => (count === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  }
}

const countBytes = (messages: readonly OutboundMessage[]): number => messages.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0)

const windowFull = (text: string, scope: ErrorScope, details = {}): AppError =>
  new AppError('broker.window_full', text, { retryable: true, scope, details })
