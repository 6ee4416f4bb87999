/** Channels that many consumers share: every tenant has dead letters, hardly any has them now. */
import type { Channel } from 'amqplib'
import { errorText } from '../../core/errors.ts'
import type { Channels } from './channels.ts'
import { unavailable, withDeadline } from './errors.ts'

/** A place on an open channel. */
export interface Seat {
  readonly channel: Channel
  /** onLost is not called after this. Tolerates twice. */
  leave(): void
}

export interface SharedChannels {
  /** `onLost`, a function of its own for each call, is called once when the channel closes. Errors: `broker.unavailable`. */
  join(onLost: (reason: string) => void): Promise<Seat>
}

export interface SharingOptions {
  readonly consumersPerChannel: number
  /** Of each consumer. */
  readonly prefetch: number
}

interface Shared {
  /** Taken, or about to be. */
  seats: number
  readonly opening: Promise<Channel>
  readonly listeners: Set<(reason: string) => void>
}

const deadlineMs = 10_000

export function createSharedChannels(channels: Channels, options: SharingOptions): SharedChannels {
  const open = new Set<Shared>()

  const share = (): Shared => {
    const listeners: Shared['listeners'] = new Set()
    const forget = (reason: string): void => {
      open.delete(shared)
      const losers = [...listeners]
      listeners.clear()
      for (const lose of losers) lose(reason)
    }
    const shared: Shared = { seats: 0, listeners, opening: openWithPrefetch(channels, options.prefetch, forget) }
    shared.opening.catch(() => open.delete(shared))
    open.add(shared)
    return shared
  }

  return {
    async join(onLost) {
      const shared = findRoom(open, options.consumersPerChannel) ?? share()
      shared.seats++
      try {
        const channel = await shared.opening
        if (!open.has(shared)) throw unavailable('the channel was closed')
        return takeSeat(shared, channel, onLost)
      } catch (error) {
        shared.seats--
        throw error
      }
    },
  }
}

function takeSeat(shared: Shared, channel: Channel, onLost: (reason: string) => void): Seat {
  shared.listeners.add(onLost)
  return {
    channel,
    leave() {
      if (shared.listeners.delete(onLost)) shared.seats--
    },
  }
}

function findRoom(open: ReadonlySet<Shared>, consumersPerChannel: number): Shared | undefined {
  for (const shared of open) if (shared.seats < consumersPerChannel) return shared
  return undefined
}

async function openWithPrefetch(channels: Channels, prefetch: number, onClosed: (reason: string) => void): Promise<Channel> {
  const channel = await channels.open()
  let lastError: string | undefined
  channel.on('error', (error) => {
    lastError = errorText(error)
  })
  channel.on('close', () => onClosed(lastError ?? 'the channel was closed'))
  try {
    await withDeadline(channel.prefetch(prefetch), deadlineMs, 'setting the prefetch')
    return channel
  } catch (error) {
    channel.close().catch(() => {})
    throw error
  }
}
