/** The Broker port on RabbitMQ 3.10 to 4.x: quorum queues, confirms, one channel per consumer. The only door of this folder. */
import type { Channel } from 'amqplib'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { Broker, BrokerConsumer, BrokerEvent, DeadLetterConsumer } from '../../core/ports/broker.ts'
import { createBatchPublisher } from '../../core/publish-batch.ts'
import type { WindowLimits } from '../../core/publish-window.ts'
import { createAdminChannels } from './admin-channels.ts'
import { createChannels } from './channels.ts'
import { createRabbitmqConsumer } from './consumer.ts'
import { openRabbitmqDeadLetters } from './dead-letters.ts'
import { unavailable, withDeadline } from './errors.ts'
import { type Link, openLink } from './link.ts'
import type { Publisher, PublisherLimits } from './publisher.ts'
import { sendTogether } from './send-together.ts'
import { createSharedChannels } from './shared-channels.ts'
import { createTenantQueues } from './tenant-queues.ts'
import type { TopologyOptions } from './topology.ts'

export interface RabbitmqOptions extends TopologyOptions, PublisherLimits, WindowLimits {
  readonly url: string
  readonly heartbeatSeconds: number
  readonly channelsPerConnection: number
  /** Names the connections in RabbitMQ's own pages. */
  readonly nodeName: string
}

// With the prefetch, 2,000 letters of a channel can be unsettled at once.
const deadLetterSharing = { consumersPerChannel: 200, prefetch: 10 }

/** Guarantees and errors: see the Broker port. Nothing recovers by itself here: after `broker.lost` the owner calls connect() again. */
export function createRabbitmqBroker(options: RabbitmqOptions): Broker {
  const name = options.nodeName
  const listeners = new Set<(event: BrokerEvent) => void>()
  const consumers = new Map<Channel, BrokerConsumer>()
  const mayConnect = (): boolean => link !== undefined
  const consumerChannels = createChannels({ ...options, mayConnect, name: `${name} consumers` })
  const deadLetterConsumers = new Set<DeadLetterConsumer>()
  const deadLetterChannels = createSharedChannels(consumerChannels, deadLetterSharing)
  // Apart from the publishes: in an alarm queues can still be counted and consumers opened.
  const adminChannels = createChannels({ ...options, mayConnect, name: `${name} admin` })
  const queues = createTenantQueues(createAdminChannels(adminChannels), options)
  let link: Link | undefined
  let connecting: Promise<void> | undefined
  let lifetime = new AbortController()

  const up = (): Link => {
    if (link) return link
    throw notConnected()
  }

  /** The publisher, while RabbitMQ takes messages. */
  const openPublisher = (): Publisher => {
    const { publisher } = up()
    publisher.requireOpen()
    return publisher
  }
  const batches = createBatchPublisher({ limits: options, open: openPublisher, send: sendTogether })

  const open = async (signal: AbortSignal): Promise<void> => {
    let opened: Link | undefined
    const onEvent = (event: BrokerEvent): void => {
      // A link that was never taken up, or was closed by us, has nothing to tell.
      if (!opened || link !== opened) return
      if (event.type === 'broker.lost') link = undefined
      for (const listener of listeners) listener(event)
    }
    opened = await openLink({ ...options, name }, onEvent, signal)
    if (!signal.aborted && opened.isOpen()) link = opened
    else {
      await opened.close()
      throw unavailable('connecting to RabbitMQ: cancelled')
    }
  }

  /** Waits for confirms; those still missing at the deadline are given up. */
  const settle = async (closing: Link, deadlineAt: number): Promise<void> => {
    while (closing.publisher.inFlight > 0 && closing.isOpen() && Date.now() < deadlineAt) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    closing.publisher.abandon('the engine closed the connection')
    await closing.close()
  }

  /** Consumers first: the end of a connection overtakes acknowledgements that are still on their way out of a channel. */
  const endConsumers = async (deadlineMs: number): Promise<void> => {
    const ending = Promise.all([...consumers.values(), ...deadLetterConsumers].map((consumer) => consumer.close()))
    await withDeadline(ending, Math.max(deadlineMs, 100), 'closing the consumers').catch(() => {})
    await consumerChannels.closeAll()
  }

  return {
    kind: 'rabbitmq',
    async connect(signal) {
      if (link) return
      connecting ??= open(AbortSignal.any([signal, lifetime.signal])).finally(() => {
        connecting = undefined
      })
      await connecting
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close(deadlineMs) {
      const deadlineAt = Date.now() + deadlineMs
      const closing = link
      link = undefined
      lifetime.abort()
      lifetime = new AbortController()
      await Promise.all([closing && settle(closing, deadlineAt), endConsumers(deadlineMs), adminChannels.closeAll()])
    },

    async declareTenant(tenantId) {
      up()
      await queues.declareTenant(tenantId)
    },
    async deleteTenant(tenantId) {
      up()
      return queues.deleteTenant(tenantId)
    },
    async depth(tenantId) {
      up()
      return queues.depth(tenantId)
    },
    // AMQP has no way to look into a queue without taking from it.
    async find() {
      up()
      return { kind: 'unknowable' }
    },

    async publish(message) {
      const publisher = openPublisher()
      const [admitted] = batches.window.take([message])
      if (admitted) await publisher.publish(admitted, tenantQueueName(message.tenantId))
    },
    publishBatch: batches.publish,

    async openConsumer(tenantId, consumerOptions) {
      up()
      // Asked on another channel: a missing queue closes the channel that asked.
      await queues.check(tenantQueueName(tenantId))
      const channel = await consumerChannels.open()
      try {
        await withDeadline(channel.prefetch(consumerOptions.prefetch), 10_000, 'setting the prefetch')
        up()
      } catch (error) {
        channel.close().catch(() => {})
        throw error
      }
      const consumer = createRabbitmqConsumer(channel, tenantId, consumerOptions)
      consumers.set(channel, consumer)
      channel.once('close', () => consumers.delete(channel))
      return consumer
    },
    async openDeadLetters(tenantId, deadLetterOptions) {
      up()
      await queues.check(tenantDeadLetterQueueName(tenantId))
      const parts = { channels: deadLetterChannels, open: deadLetterConsumers }
      const consumer = await openRabbitmqDeadLetters(tenantId, deadLetterOptions, parts)
      if (link) return consumer
      await consumer.close()
      throw notConnected()
    },
  }
}

const notConnected = () => unavailable('RabbitMQ is not connected')
