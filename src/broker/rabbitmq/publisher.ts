/** Publishes with confirms on one channel of its own connection. */
import type { ConfirmChannel, Options } from 'amqplib'
import { AppError, errorText } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import { toPublishError } from './errors.ts'
import { createPublishWindow, type Slot, type WindowLimits } from './publish-window.ts'

export interface PublisherLimits extends WindowLimits {
  readonly confirmTimeoutMs: number
}

export interface Publisher {
  /** Resolves when the broker has confirmed. `toOptions` gets the ticket that must travel as correlation id. */
  publish(tenantId: TenantId, queue: string, body: string, toOptions: (ticket: string) => Options.Publish): Promise<void>
  /** Throws `broker.blocked`, or `broker.window_full` when `count` more messages of at least `bytes` do not fit now. */
  admit(tenantId: TenantId, count: number, bytes: number): void
  /** Throws `broker.blocked` while the broker accepts nothing. */
  refuseWhenBlocked(): void
  setBlocked(reason: string | undefined): void
  /** Every unconfirmed publish rejects: nobody knows whether it arrived. */
  abandon(reason: string): void
  readonly inFlight: number
}

interface Entry {
  readonly slot: Slot
  readonly expiresAtMs: number
  readonly resolve: () => void
  readonly reject: (error: AppError) => void
  returned: boolean
  /** The caller was told that nobody knows; the message may still lie in a buffer, and holds its place until it is confirmed. */
  givenUp: boolean
}

const sweepMs = 100

/** The channel must be open, with an error listener, and used by nobody else. `beforeEach` is called before each message is written. */
export function createPublisher(channel: ConfirmChannel, limits: PublisherLimits, beforeEach: () => void): Publisher {
  // In the order they were sent, so the oldest is first.
  const entries = new Map<number, Entry>()
  const window = createPublishWindow(limits)
  let lastTicket = 0
  let blocked: string | undefined
  let sweeper: NodeJS.Timeout | undefined

  const take = (ticket: number): Entry | undefined => {
    const entry = entries.get(ticket)
    if (!entry) return undefined
    entries.delete(ticket)
    window.leave(entry.slot)
    return entry
  }

  const sweep = (): void => {
    const now = Date.now()
    for (const entry of entries.values()) {
      if (entry.expiresAtMs > now) break
      if (entry.givenUp) continue
      entry.givenUp = true
      entry.reject(unknownOutcome(`no confirm from RabbitMQ within ${limits.confirmTimeoutMs} ms`))
    }
    sweeper = entries.size > 0 ? setTimeout(sweep, sweepMs).unref() : undefined
  }

  const abandon = (reason: string): void => {
    clearTimeout(sweeper)
    sweeper = undefined
    for (const ticket of [...entries.keys()]) take(ticket)?.reject(unknownOutcome(`the connection ended before the confirm: ${reason}`))
  }

  const confirm = (ticket: number, queue: string, nacked: unknown): void => {
    const entry = take(ticket)
    if (!entry) return
    if (entry.returned) entry.reject(new AppError('queue.missing', `no queue ${queue}: the message came back`, { scope: 'tenant' }))
    else if (nacked) {
      const text = `RabbitMQ refused the message: ${errorText(nacked)}`
      entry.reject(new AppError('broker.refused', text, { retryable: true, scope: 'message' }))
    } else entry.resolve()
  }

  // A mandatory message without a queue comes back before its confirm.
  channel.on('return', (message) => {
    const entry = entries.get(Number(message.properties.correlationId))
    if (entry) entry.returned = true
  })
  // Before amqplib's own listener, which would tell each publish that it was nacked.
  channel.prependListener('close', () => abandon('the channel was closed'))

  const refuseWhenBlocked = (): void => {
    if (blocked === undefined) return
    throw new AppError('broker.blocked', `RabbitMQ accepts no messages now: ${blocked}`, { retryable: true, scope: 'connection' })
  }

  return {
    publish(tenantId, queue, body, toOptions) {
      return new Promise((resolve, reject) => {
        const content = Buffer.from(body, 'utf8')
        const ticket = ++lastTicket
        const slot = window.enter(tenantId, content.length)
        entries.set(ticket, { slot, expiresAtMs: Date.now() + limits.confirmTimeoutMs, resolve, reject, returned: false, givenUp: false })
        sweeper ??= setTimeout(sweep, sweepMs).unref()
        beforeEach()
        try {
          channel.publish('', queue, content, toOptions(String(ticket)), (nacked) => confirm(ticket, queue, nacked))
        } catch (thrown) {
          take(ticket)
          reject(toPublishError(thrown))
        }
      })
    },
    admit(tenantId, count, bytes) {
      refuseWhenBlocked()
      window.admit(tenantId, count, bytes)
    },
    refuseWhenBlocked,
    setBlocked(reason) {
      blocked = reason
    },
    abandon,
    get inFlight() {
      return entries.size
    },
  }
}

const unknownOutcome = (message: string): AppError => new AppError('broker.unknown_outcome', message, { retryable: true, scope: 'message' })
