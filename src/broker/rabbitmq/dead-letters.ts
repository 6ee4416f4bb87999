/** Receives the dead letters of one tenant on a channel that others use too: nothing it does may close that channel. */
import { randomUUID } from 'node:crypto'
import type { ConsumeMessage } from 'amqplib'
import { type TenantId, tenantDeadLetterQueueName } from '../../core/ids.ts'
import type { DeadLetterConsumer, DeadLetterOptions } from '../../core/ports/broker.ts'
import { toDeadLetter } from './dead-letter.ts'
import { unavailable, withDeadline } from './errors.ts'
import type { SharedChannels } from './shared-channels.ts'

const deadlineMs = 10_000
/** How long close() waits for letters that are being stored. */
const storingDeadlineMs = 5_000
const firstPauseMs = 1_000
const longestPauseMs = 5_000

export interface DeadLetterParts {
  readonly channels: SharedChannels
  /** Holds the consumer while it is open. */
  readonly open: Set<DeadLetterConsumer>
}

/** The queue must exist: asking for a missing one closes the channel. Errors: `broker.unavailable`, `queue.missing`. */
export async function openRabbitmqDeadLetters(
  tenantId: TenantId,
  options: DeadLetterOptions,
  parts: DeadLetterParts,
): Promise<DeadLetterConsumer> {
  const queue = tenantDeadLetterQueueName(tenantId)
  const consumerTag = `dead-letters-${randomUUID()}`
  const storing = new Set<Promise<void>>()
  /** Every tag that is not settled; those that wait to be given back with their timer. */
  const held = new Map<number, NodeJS.Timeout | undefined>()
  let phase: 'opening' | 'open' | 'closing' | 'ended' = 'opening'
  const hasEnded = (): boolean => phase === 'ended'
  let failuresInARow = 0
  let closing: Promise<void> | undefined

  const consumer: DeadLetterConsumer = {
    close() {
      closing ??= end()
      return closing
    },
  }

  const seat = await parts.channels.join((reason) => {
    // The broker has given back what the channel held.
    for (const timer of held.values()) clearTimeout(timer)
    held.clear()
    lose(reason)
  })
  const { channel } = seat

  const lose = (reason: string): void => {
    const wasOpen = phase === 'open'
    phase = 'ended'
    parts.open.delete(consumer)
    if (wasOpen) options.onLost(reason)
  }

  const settle = (tag: number, verb: 'ack' | 'requeue'): void => {
    // Once: the broker closes a channel that settles a tag twice.
    if (!held.has(tag)) return
    clearTimeout(held.get(tag))
    held.delete(tag)
    const message = { fields: { deliveryTag: tag } } as ConsumeMessage
    try {
      if (verb === 'ack') channel.ack(message)
      else channel.nack(message, false, true)
    } catch {
      // The channel is closed: the letter is back in its queue.
    }
  }

  const giveBack = (tags: Iterable<number>): void => {
    for (const tag of tags) settle(tag, 'requeue')
  }

  const giveBackLater = (tag: number): void => {
    if (!held.has(tag)) return
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** failuresInARow++)
    held.set(tag, setTimeout(settle, pauseMs, tag, 'requeue').unref())
  }

  const store = async (message: ConsumeMessage): Promise<void> => {
    const tag = message.fields.deliveryTag
    try {
      await options.onDeadLetter(toDeadLetter(tenantId, message))
      failuresInARow = 0
      settle(tag, 'ack')
    } catch {
      if (phase === 'closing') settle(tag, 'requeue')
      else giveBackLater(tag)
    }
  }

  const onMessage = (message: ConsumeMessage | null): void => {
    if (message === null) {
      // The channel lives on, so what it still holds has to be settled.
      seat.leave()
      giveBack(waiting())
      lose('the queue was deleted or the broker cancelled the consumer')
      return
    }
    held.set(message.fields.deliveryTag, undefined)
    if (phase === 'closing' || hasEnded()) settle(message.fields.deliveryTag, 'requeue')
    else {
      const stored = store(message).finally(() => storing.delete(stored))
      storing.add(stored)
    }
  }

  const waiting = (): number[] => [...held].filter(([, timer]) => timer !== undefined).map(([tag]) => tag)

  const end = async (): Promise<void> => {
    if (phase !== 'open') return
    phase = 'closing'
    try {
      await withDeadline(channel.cancel(consumerTag), deadlineMs, `cancelling the consumer of ${queue}`)
      // After the cancel: before it they would come straight back.
      giveBack(waiting())
      await withDeadline(Promise.all(storing), storingDeadlineMs, `storing what came from ${queue}`).catch(() => {})
      giveBack([...held.keys()])
    } catch {
      // It is closed, or the broker does not answer, and then it serves nobody.
      channel.close().catch(() => {})
    }
    phase = 'ended'
    parts.open.delete(consumer)
    seat.leave()
  }

  try {
    await withDeadline(channel.consume(queue, onMessage, { consumerTag }), deadlineMs, `consuming from ${queue}`)
  } catch (error) {
    phase = 'ended'
    seat.leave()
    // A late answer would begin a consumer that nobody knows.
    channel.close().catch(() => {})
    throw error
  }
  if (hasEnded()) throw unavailable(`consuming from ${queue}: the consumer has ended`)
  phase = 'open'
  parts.open.add(consumer)
  return consumer
}
