/** A broker in memory: durable queues, redelivery of what was not settled, a delivery limit, and connections that break. */
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { Broker, BrokerEvent, DeadLetter, DeadLetterOptions } from '../../../src/core/ports/broker.ts'
import type { Link } from './link.ts'
import { type Consumer, createMemoryConsumer, type Entry } from './memory-consumer.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Oftener than this a message is not delivered. */
const deliveryLimit = 5

interface Queue {
  ready: Entry[]
  readonly dead: DeadLetter[]
}

interface DeadLetterReader {
  readonly tenantId: TenantId
  readonly link: Link
  readonly options: DeadLetterOptions
  reading: boolean
  over: boolean
}

export interface MemoryBroker {
  readonly queues: ReadonlyMap<TenantId, { readonly ready: readonly Entry[]; readonly dead: readonly DeadLetter[] }>
  /** Consumers and readers of dead letters that are open. */
  readonly open: number
  unackedOf(tenantId: TenantId): number
  /** The port as the node on this link has it. */
  attach(link: Link): Broker
  /** Breaks every connection, and takes none until it is back. */
  setDown(down: boolean): void
  /** Ends the tenant's channels. */
  loseChannels(tenantId: TenantId): void
  /** The connections of a node that was killed. */
  dropSilently(link: Link): void
  putUndecodable(tenantId: TenantId, body: string): void
}

export function createMemoryBroker(time: VirtualTime): MemoryBroker {
  const queues = new Map<TenantId, Queue>()
  const consumers = new Set<Consumer>()
  const readers = new Set<DeadLetterReader>()
  const breakers = new Set<(reason: string) => void>()
  let sequence = 0
  let down = false

  const find = (tenantId: TenantId): Queue => {
    const queue = queues.get(tenantId)
    if (!queue) throw new AppError('queue.missing', 'no such queue', { retryable: true, scope: 'tenant' })
    return queue
  }
  const soon = (work: () => void): void => void setTimeout(work, time.draw(3))

  const deliverAll = (tenantId: TenantId): void => {
    const queue = queues.get(tenantId)
    const own = [...consumers].filter((each) => each.tenantId === tenantId && each.receiving)
    for (;;) {
      const free = own.filter(({ unacked, options }) => unacked.size < options.prefetch)
      const consumer = free[time.draw(free.length)]
      const entry = consumer && queue?.ready.shift()
      if (!entry) return
      deliver(entry, consumer)
    }
  }
  let tags = 0
  const deliver = (entry: Entry, { options, unacked }: Consumer): void => {
    const tag = ++tags
    unacked.set(tag, entry)
    const { body, ...properties } = entry.message
    options.onDelivery({ ...properties, redelivered: entry.deliveries++ > 0, tag, text: () => body })
  }
  const putBack = (tenantId: TenantId, entries: Iterable<Entry>): void => {
    const queue = queues.get(tenantId)
    if (!queue) return
    for (const entry of entries) {
      if (entry.deliveries < deliveryLimit) queue.ready.push(entry)
      else queue.dead.push(toLetter(entry))
    }
    queue.ready.sort((a, b) => a.sequence - b.sequence)
    soon(() => deliverAll(tenantId))
    soon(() => void readAll(tenantId))
  }
  const settle = ({ tenantId, unacked }: Consumer, tag: number): Entry | undefined => {
    const entry = unacked.get(tag)
    unacked.delete(tag)
    if (entry) soon(() => deliverAll(tenantId))
    return entry
  }
  const end = (consumer: Consumer): void => {
    if (consumer.over) return
    consumer.over = true
    consumer.receiving = false
    consumers.delete(consumer)
    putBack(consumer.tenantId, consumer.unacked.values())
    consumer.unacked.clear()
  }
  /** One letter after another; it stays in the queue until it is stored. */
  const readAll = async (tenantId: TenantId): Promise<void> => {
    const reader = [...readers].find((each) => each.tenantId === tenantId)
    const queue = queues.get(tenantId)
    const [letter] = queue?.dead ?? []
    if (!queue || !reader || reader.reading || !letter) return
    reader.reading = true
    const stored = await reader.options.onDeadLetter(letter).then(
      () => true,
      () => false,
    )
    reader.reading = false
    // One whose channel has ended meanwhile is handed out to the next reader.
    const place = queue.dead.indexOf(letter)
    if (place >= 0 && stored && !reader.over) queue.dead.splice(place, 1)
    else if (place >= 0) queue.dead[place] = { ...letter, redelivered: true }
    setTimeout(() => void readAll(tenantId), stored ? 1 : 1_000)
  }
  const breakChannels = (isMeant: (channel: Consumer | DeadLetterReader) => boolean, reason: string | undefined): void => {
    for (const each of [...consumers, ...readers]) {
      if (!isMeant(each)) continue
      if ('unacked' in each) end(each)
      else {
        each.over = true
        readers.delete(each)
      }
      if (reason !== undefined) each.options.onLost(reason)
    }
  }

  const attach = (link: Link): Broker => {
    const listeners = new Set<(event: BrokerEvent) => void>()
    let connection: object | undefined
    const unavailable = (): AppError => new AppError('broker.unavailable', 'the broker is away', { retryable: true })
    breakers.add((reason) => {
      if (!connection || link.dead) return
      connection = undefined
      for (const listener of listeners) listener({ type: 'broker.lost', reason })
    })
    /** `late` is what is known when the connection breaks after the call has taken effect. */
    const call = async <T>(apply: () => T, late = unavailable): Promise<T> => {
      const own = connection
      const answer = await link.call(() => {
        if (!connection || own !== connection) throw unavailable()
        return apply()
      })
      if (own !== connection) throw late()
      return answer
    }
    /** A channel whose opener does not get it is closed. */
    const openOrEnd = async <T>(open: () => T, end: () => void): Promise<T> => {
      try {
        return await call(open)
      } catch (error) {
        end()
        throw error
      }
    }
    const publish = (messages: readonly OutboundMessage[]): Promise<void> =>
      call(
        () => {
          for (const message of messages) find(message.tenantId).ready.push({ sequence: ++sequence, message, deliveries: 0 })
          for (const { tenantId } of messages.slice(0, 1)) soon(() => deliverAll(tenantId))
        },
        () => new AppError('broker.unknown_outcome', 'no confirm', { retryable: true }),
      )
    return {
      kind: 'rabbitmq',
      async connect() {
        const opened = await link.call(() => {
          if (down) throw unavailable()
          connection ??= {}
          return connection
        })
        if (connection !== opened) throw unavailable()
      },
      subscribe(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      async close() {
        connection = undefined
      },
      declareTenant: (tenantId) =>
        call(() => {
          if (!queues.has(tenantId)) queues.set(tenantId, { ready: [], dead: [] })
        }),
      deleteTenant: (tenantId) =>
        call(() => {
          const { ready, dead } = queues.get(tenantId) ?? { ready: [], dead: [] }
          queues.delete(tenantId)
          breakChannels((each) => each.tenantId === tenantId, 'the queue was deleted')
          const removed = [
            { name: tenantQueueName(tenantId), messages: ready.length },
            { name: tenantDeadLetterQueueName(tenantId), messages: dead.length },
          ]
          return { discarded: ready.length, queues: removed }
        }),
      depth: (tenantId) =>
        call(() => ({ ready: find(tenantId).ready.length, unacked: countUnacked(consumers, tenantId), dlq: find(tenantId).dead.length })),
      find: (tenantId, id) =>
        call(() => {
          const ahead = queues.get(tenantId)?.ready.findIndex(({ message }) => message.id === id) ?? -1
          if (ahead >= 0) return { kind: 'waiting', ahead } as const
          const isHeld = [...consumers].some(
            (each) => each.tenantId === tenantId && [...each.unacked.values()].some(({ message }) => message.id === id),
          )
          return { kind: isHeld ? 'delivered' : 'missing' } as const
        }),
      publish: (message) => publish([message]),
      publishBatch: publish,
      async openConsumer(tenantId, options) {
        const consumer: Consumer = { ...{ tenantId, link, options }, unacked: new Map(), receiving: false, over: false }
        return openOrEnd(
          () => {
            find(tenantId)
            consumers.add(consumer)
            return createMemoryConsumer({ ...{ consumer, time, settle, putBack }, end: () => end(consumer) })
          },
          () => end(consumer),
        )
      },
      async openDeadLetters(tenantId, options) {
        const reader: DeadLetterReader = { tenantId, link, options, reading: false, over: false }
        const close = (): void => {
          reader.over = true
          readers.delete(reader)
        }
        return openOrEnd(() => {
          find(tenantId)
          readers.add(reader)
          soon(() => void readAll(tenantId))
          return { close: async () => close() }
        }, close)
      },
    }
  }

  return {
    queues,
    get open() {
      return consumers.size + readers.size
    },
    unackedOf: (tenantId) => countUnacked(consumers, tenantId),
    attach,
    setDown(isDown) {
      down = isDown
      if (!down) return
      for (const breakIt of breakers) breakIt('connection reset')
      breakChannels(() => true, 'connection reset')
    },
    loseChannels: (tenantId) => breakChannels((each) => each.tenantId === tenantId, 'channel closed'),
    dropSilently: (link) => breakChannels((each) => each.link === link, undefined),
    putUndecodable(tenantId, body) {
      const letter = { tenantId, id: undefined, type: undefined, priority: 0, key: null, createdAtMs: Date.now(), attempt: 1 } as const
      queues.get(tenantId)?.dead.push({ ...letter, body: Buffer.from(body), reason: 'undecodable', detail: 'no type', redelivered: false })
      soon(() => void readAll(tenantId))
    },
  }
}

const countUnacked = (consumers: Iterable<Consumer>, tenantId: TenantId): number =>
  [...consumers].reduce((sum, each) => sum + (each.tenantId === tenantId ? each.unacked.size : 0), 0)

const toLetter = ({ message, deliveries }: Entry): DeadLetter => ({
  ...{ tenantId: message.tenantId, id: message.id, type: message.type, priority: message.priority, key: message.key },
  ...{ createdAtMs: message.createdAtMs, attempt: message.attempt, body: Buffer.from(message.body) },
  reason: 'delivery_limit',
  detail: `delivered ${deliveries} times`,
  redelivered: false,
})
