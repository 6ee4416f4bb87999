/** Opens channels, and spreads them over connections that carry no publishes: an alarm stops the broker reading only those that do. */
import type { Channel, ChannelModel } from 'amqplib'
import { errorText } from '../../core/errors.ts'
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts'
import { unavailable, withDeadline } from './errors.ts'

export interface Channels {
  /** A channel of its own, with an error listener. Errors: `broker.unavailable`. */
  open(): Promise<Channel>
  closeAll(): Promise<void>
}

export interface ChannelsOptions extends ConnectionOptions {
  readonly channelsPerConnection: number
  /** False while nobody would close a new connection. */
  readonly mayConnect: () => boolean
}

interface Slot {
  /** Open or being opened. */
  channels: number
  capacity: number
  readonly connection: Promise<Connection>
}

const channelDeadlineMs = 10_000

export function createChannels(options: ChannelsOptions): Channels {
  const slots = new Set<Slot>()
  let connections = 0

  const openSlot = (): Slot => {
    if (!options.mayConnect()) throw unavailable('opening a channel: RabbitMQ is not connected')
    const name = `${options.name} ${++connections}`
    const slot: Slot = {
      channels: 0,
      capacity: options.channelsPerConnection,
      connection: openConnection({ ...options, name }, () => slots.delete(slot)),
    }
    slot.connection.catch(() => slots.delete(slot))
    slots.add(slot)
    return slot
  }

  const open = async (): Promise<Channel> => {
    const slot = findRoom(slots) ?? openSlot()
    slot.channels++
    try {
      const { model } = await slot.connection
      const channel = await openChannel(model)
      channel.once('close', () => slot.channels--)
      return channel
    } catch (error) {
      slot.channels--
      // The broker's own channel_max is lower than our setting: what fits is what the connection has now.
      if (!errorText(error).includes('No channels left') || slot.channels === 0) throw error
      slot.capacity = Math.min(slot.capacity, slot.channels)
      return open()
    }
  }

  return {
    open,
    async closeAll() {
      const closing = [...slots].map((slot) => slot.connection.then((connection) => connection.close()).catch(() => {}))
      slots.clear()
      await Promise.all(closing)
    },
  }
}

function findRoom(slots: ReadonlySet<Slot>): Slot | undefined {
  for (const slot of slots) if (slot.channels < slot.capacity) return slot
  return undefined
}

async function openChannel(model: ChannelModel): Promise<Channel> {
  const opening = model.createChannel().then((channel) => {
    // Without a listener amqplib closes the whole connection, with every other tenant's channel.
    channel.on('error', () => {})
    channel.on('handler-error', () => {})
    return channel
  })
  try {
    return await withDeadline(opening, channelDeadlineMs, 'opening a channel')
  } catch (error) {
    opening.then((late) => late.close()).catch(() => {})
    throw error
  }
}
