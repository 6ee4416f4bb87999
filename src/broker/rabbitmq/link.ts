/** The publishing connection: its end is the loss of the broker. */
import { errorText } from '../../core/errors.ts'
import type { BrokerEvent } from '../../core/ports/broker.ts'
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts'
import { withDeadline } from './errors.ts'
import { createPublisher, type Publisher, type PublisherLimits } from './publisher.ts'
import { createWriteBatch } from './write-batch.ts'

export interface Link {
  readonly publisher: Publisher
  readonly isOpen: () => boolean
  close(): Promise<void>
}

/** `onEvent` hears `broker.lost` once when the link ends, whoever ended it. Errors: `broker.unavailable`. */
export async function openLink(
  options: ConnectionOptions & PublisherLimits,
  onEvent: (event: BrokerEvent) => void,
  signal: AbortSignal,
): Promise<Link> {
  let channelError: string | undefined
  const onEnded = (reason: string): void => onEvent({ type: 'broker.lost', reason: channelError ?? reason })
  const connection = await openConnection({ ...options, name: `${options.name} publisher` }, onEnded, signal)
  const channel = await openConfirmChannel(connection, (reason) => {
    channelError = reason
  })
  const publisher = createPublisher(channel, options, createWriteBatch(connection.model))
  connection.model.on('blocked', (reason) => {
    publisher.setBlocked(reason)
    onEvent({ type: 'broker.blocked', reason })
  })
  connection.model.on('unblocked', () => {
    publisher.setBlocked(undefined)
    onEvent({ type: 'broker.unblocked' })
  })
  return { publisher, isOpen: connection.isOpen, close: connection.close }
}

async function openConfirmChannel(connection: Connection, onError: (reason: string) => void) {
  try {
    const channel = await withDeadline(connection.model.createConfirmChannel(), 10_000, 'opening the publishing channel')
    channel.on('error', (error) => onError(errorText(error)))
    channel.on('handler-error', () => {})
    // A confirm channel that the broker closed cannot be mended in place: end the connection, the owner connects again.
    channel.on('close', () => void connection.close())
    return channel
  } catch (error) {
    await connection.close()
    throw error
  }
}
