/** Publishes with confirms on one channel of its own connection. */
import type { ConfirmChannel } from 'amqplib'
import { AppError, errorText } from '../../core/errors.ts'
import type { Admitted } from '../../core/publish-window.ts'
import { toPublishError } from './errors.ts'
import { toPublishOptions } from './properties.ts'

export interface PublisherLimits {
  readonly confirmTimeoutMs: number
}

export interface Publisher {
  /** Resolves when the broker has confirmed. The message leaves its window when its outcome is known, or the connection ends. */
  publish(admitted: Admitted, queue: string): Promise<void>
  /** Throws `broker.blocked`. */
  requireOpen(): void
  /** While there is a reason, what waits for its confirm is given up within a second. */
  setBlocked(reason: string | undefined): void
  /** Every unconfirmed publish rejects: nobody knows whether it arrived. */
  abandon(reason: string): void
  readonly inFlight: number
}

interface Entry {
  readonly leave: () => void
  readonly expiresAtMs: number
  readonly resolve: () => void
  readonly reject: (error: AppError) => void
  returned: boolean
  /** The caller was told that nobody knows; the message may still lie in a buffer, and holds its place until it is confirmed. */
  givenUp: boolean
}

const sweepMs = 100
/** A broker that blocks the connection still confirms what it has read: this long, and the rest is not read before the alarm ends. */
const blockedDeadlineMs = 500

/** The channel must be open, with an error listener, and used by nobody else. `beforeEach` is called before each message is written. */
export function createPublisher(channel: ConfirmChannel, limits: PublisherLimits, beforeEach: () => void): Publisher {
  // In the order they were sent, so the oldest is first.
  const entries = new Map<number, Entry>()
  let lastTicket = 0
  let blocked: { readonly reason: string; readonly endsAtMs: number } | undefined
  let sweeper: NodeJS.Timeout | undefined

  const take = (ticket: number): Entry | undefined => {
    const entry = entries.get(ticket)
    if (!entry) return undefined
    entries.delete(ticket)
    entry.leave()
    return entry
  }

  const sweep = (): void => {
    const now = Date.now()
    const stuck = blocked !== undefined && blocked.endsAtMs <= now ? blocked.reason : undefined
    const why = stuck === undefined ? `within ${limits.confirmTimeoutMs} ms` : `and accepts no messages now: ${stuck}`
    for (const entry of entries.values()) {
      if (stuck === undefined && entry.expiresAtMs > now) break
      if (entry.givenUp) continue
      entry.givenUp = true
      entry.reject(unknownOutcome(`RabbitMQ has not confirmed the message ${why}`))
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

  return {
    publish({ message, leave }, queue) {
      return new Promise((resolve, reject) => {
        const ticket = ++lastTicket
        entries.set(ticket, { leave, expiresAtMs: Date.now() + limits.confirmTimeoutMs, resolve, reject, returned: false, givenUp: false })
        sweeper ??= setTimeout(sweep, sweepMs).unref()
        beforeEach()
        try {
          const content = Buffer.from(message.body, 'utf8')
          channel.publish('', queue, content, toPublishOptions(message, String(ticket)), (nacked) => confirm(ticket, queue, nacked))
        } catch (thrown) {
          take(ticket)
          reject(toPublishError(thrown))
        }
      })
    },
    requireOpen() {
      if (blocked === undefined) return
      const text = `RabbitMQ accepts no messages now: ${blocked.reason}`
      throw new AppError('broker.blocked', text, { retryable: true, scope: 'connection' })
    },
    setBlocked(reason) {
      blocked = reason === undefined ? undefined : { reason, endsAtMs: blocked?.endsAtMs ?? Date.now() + blockedDeadlineMs }
    },
    abandon,
    get inFlight() {
      return entries.size
    },
  }
}

const unknownOutcome = (message: string): AppError => new AppError('broker.unknown_outcome', message, { retryable: true, scope: 'message' })
