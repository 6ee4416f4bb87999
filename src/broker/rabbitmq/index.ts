/** The Broker port on RabbitMQ 3.10 to 4.x: quorum queues, confirms, one channel per consumer. The only door of this folder. */
import type { Channel } from 'amqplib'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { Broker, BrokerConsumer, BrokerEvent } from '../../core/ports/broker.ts'
import { createAdminChannels } from './admin-channels.ts'
import { createChannels } from './channels.ts'
import { createRabbitmqConsumer } from './consumer.ts'
import { unavailable, withDeadline } from './errors.ts'
import { type Link, openLink } from './link.ts'
import { toDeadLetterOptions, toPublishOptions } from './properties.ts'
import type { PublisherLimits } from './publisher.ts'
import { createTenantQueues } from './tenant-queues.ts'
import type { TopologyOptions } from './topology.ts'

export interface RabbitmqOptions extends TopologyOptions, PublisherLimits {
  readonly url: string
  readonly heartbeatSeconds: number
  readonly channelsPerConnection: number
  /** Names the connections in RabbitMQ's own pages. */
  readonly nodeName: string
}

/** Guarantees and errors: see the Broker port. Nothing recovers by itself here: after `broker.lost` the owner calls connect() again. */
export function createRabbitmqBroker(options: RabbitmqOptions): Broker {
  const name = options.nodeName
  const listeners = new Set<(event: BrokerEvent) => void>()
  const consumers = new Map<Channel, BrokerConsumer>()
  const consumerChannels = createChannels({ ...options, name: `${name} consumers` })
  // Apart from the publishes: in an alarm queues can still be counted and consumers opened.
  const adminChannels = createChannels({ ...options, name: `${name} admin` })
  const queues = createTenantQueues(createAdminChannels(adminChannels), options)
  let link: Link | undefined
  let connecting: Promise<void> | undefined
  let lifetime = new AbortController()

  const up = (): Link => {
    if (link) return link
    throw unavailable('RabbitMQ is not connected')
  }

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
    const ending = Promise.all([...consumers.values()].map((consumer) => consumer.close()))
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

    async publish(message) {
      const { publisher } = up()
      const { tenantId, body } = message
      publisher.admit(tenantId, 1, body.length)
      await publisher.publish(tenantId, tenantQueueName(tenantId), body, (ticket) => toPublishOptions(message, ticket))
    },
    async publishBatch(messages) {
      const first = messages[0]
      if (!first) return
      const { publisher } = up()
      const { tenantId } = first
      const bytes = messages.reduce((sum, message) => sum + message.body.length, 0)
      publisher.admit(tenantId, messages.length, bytes)
      const queue = tenantQueueName(tenantId)
      const results = await Promise.allSettled(
        messages.map((message) => publisher.publish(tenantId, queue, message.body, (ticket) => toPublishOptions(message, ticket))),
      )
      const failure = results.find((result) => result.status === 'rejected')
      if (failure) throw failure.reason
    },
    async deadLetter(delivery, reason) {
      const { publisher } = up()
      publisher.refuseWhenBlocked()
      const queue = tenantDeadLetterQueueName(delivery.tenantId)
      await publisher.publish(delivery.tenantId, queue, delivery.text(), (ticket) => toDeadLetterOptions(delivery, reason, ticket))
    },

    async openConsumer(tenantId, consumerOptions) {
      up()
      // Asked on another channel: a missing queue closes the channel that asked.
      await queues.check(tenantId)
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
  }
}
