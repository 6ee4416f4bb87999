/** One consumer on a channel of its own. */
import type { Channel, ConsumeMessage } from 'amqplib'
import { errorText } from '../../core/errors.ts'
import { type TenantId, tenantQueueName } from '../../core/ids.ts'
import type { BrokerConsumer, ConsumerOptions } from '../../core/ports/broker.ts'
import { createAckWatermark } from './ack-watermark.ts'
import { unavailable, withDeadline } from './errors.ts'
import { readDelivery } from './properties.ts'

const deadlineMs = 10_000
/** A recorded delivery behind a gap waits this long for its watermark. */
const stragglerMs = 1_000

/** The channel must be open, with an error listener, and used by nobody else. */
export function createRabbitmqConsumer(channel: Channel, tenantId: TenantId, options: ConsumerOptions): BrokerConsumer {
  const { consumerTag } = options
  const queue = tenantQueueName(tenantId)
  const watermark = createAckWatermark()
  const stragglerThreshold = Math.max(1, Math.floor(options.prefetch / 4))
  let phase: 'idle' | 'receiving' | 'ended' = 'idle'
  const hasEnded = (): boolean => phase === 'ended'
  let flushScheduled = false
  let stragglerTimer: NodeJS.Timeout | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined
  let lastError: string | undefined

  const end = (): void => {
    phase = 'ended'
    clearTimeout(stragglerTimer)
  }
  const lose = (reason: string): void => {
    if (phase === 'ended') return
    end()
    options.onLost(reason)
  }
  channel.on('error', (error) => {
    lastError = errorText(error)
  })
  channel.on('close', () => lose(lastError ?? 'the channel was closed'))

  /** A closed channel throws at once. Its deliveries are back in the queue, where the ledger knows what is done. */
  const tell = (verb: 'ack' | 'nack', tag: number, flag: boolean, requeue?: boolean): void => {
    const message = { fields: { deliveryTag: tag } } as ConsumeMessage
    try {
      if (verb === 'ack') channel.ack(message, flag)
      else channel.nack(message, flag, requeue)
    } catch {}
  }

  const flush = (threshold: number): void => {
    if (phase === 'ended') return
    const upTo = watermark.takeUpTo()
    if (upTo !== undefined) tell('ack', upTo, true)
    for (const tag of watermark.takeStragglers(threshold)) tell('ack', tag, false)
    if (watermark.waiting > 0) stragglerTimer ??= setTimeout(flushStragglers, stragglerMs).unref()
  }
  const flushScheduledNow = (): void => {
    flushScheduled = false
    flush(stragglerThreshold)
  }
  const flushStragglers = (): void => {
    stragglerTimer = undefined
    flush(1)
  }

  const onMessage = (message: ConsumeMessage | null): void => {
    if (message === null) {
      flush(1)
      lose('the queue was deleted or the broker cancelled the consumer')
      channel.close().catch(() => {})
      return
    }
    const delivery = readDelivery(tenantId, message)
    if (delivery) {
      options.onDelivery(delivery)
      return
    }
    // Not ours to understand: the dead-letter queue keeps it, bytes and properties as they came.
    const tag = message.fields.deliveryTag
    if (watermark.exclude(tag)) tell('nack', tag, false, false)
  }

  /** One after the other: amqplib forgets the consumer a moment after a cancel, and must not forget the next one. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }

  return {
    start: () =>
      inTurn(async () => {
        if (phase === 'receiving') return
        if (hasEnded()) throw unavailable(`consuming from ${queue}: the consumer has ended`)
        await withDeadline(channel.consume(queue, onMessage, { consumerTag }), deadlineMs, `consuming from ${queue}`)
        if (!hasEnded()) phase = 'receiving'
      }),
    cancel: () =>
      inTurn(async () => {
        if (phase !== 'receiving') return
        try {
          await withDeadline(channel.cancel(consumerTag), deadlineMs, `cancelling the consumer of ${queue}`)
        } catch (error) {
          // A consumer that is gone receives nothing either.
          if (!hasEnded()) throw error
        }
        if (!hasEnded()) phase = 'idle'
      }),
    ack(delivery) {
      if (phase === 'ended') return
      watermark.commit(delivery.tag)
      if (flushScheduled) return
      flushScheduled = true
      setImmediate(flushScheduledNow)
    },
    requeue(delivery) {
      if (phase === 'ended') return
      if (watermark.exclude(delivery.tag)) tell('nack', delivery.tag, false, true)
    },
    close() {
      if (closing) return closing
      if (phase === 'ended') return Promise.resolve()
      flush(1)
      end()
      closing = withDeadline(channel.close(), deadlineMs, `closing the channel of ${queue}`).catch(() => {})
      return closing
    },
  }
}
