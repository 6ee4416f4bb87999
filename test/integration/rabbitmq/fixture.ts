/** Brokers, tenants and inboxes for one test; everything is closed and removed afterwards. */
import { randomUUID } from 'node:crypto'
import type { Channel } from 'amqplib'
import { connect } from 'amqplib'
import { createRabbitmqBroker, type RabbitmqOptions } from '../../../src/broker/rabbitmq/index.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { Delivery, OutboundMessage } from '../../../src/core/message.ts'
import type { Broker, BrokerConsumer, BrokerEvent } from '../../../src/core/ports/broker.ts'

export const testUrl = process.env.TENANTRY_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

export interface Inbox {
  readonly consumer: BrokerConsumer
  readonly deliveries: Delivery[]
  readonly lost: string[]
}

export interface Fixture {
  /** A connected broker. */
  open(options?: Partial<RabbitmqOptions>): Promise<Broker>
  /** A tenant with queues, by a connection that no test disturbs. */
  declare(options?: Pick<Partial<RabbitmqOptions>, 'queueType' | 'deliveryLimit'>): Promise<TenantId>
  /** A started consumer, which is told to acknowledge by the test. */
  consume(broker: Broker, tenantId: TenantId, options?: { prefetch?: number; start?: boolean }): Promise<Inbox>
  /** A channel of plain amqplib. */
  raw(): Promise<Channel>
  dispose(): Promise<void>
}

export function createFixture(url: string = testUrl): Fixture {
  const brokers: Broker[] = []
  const cleanups: (() => Promise<unknown>)[] = []
  const tenants: TenantId[] = []

  const open = async (options: Partial<RabbitmqOptions> = {}): Promise<Broker> => {
    const broker = createRabbitmqBroker({ ...defaults, url, ...options })
    brokers.push(broker)
    await broker.connect(AbortSignal.timeout(20_000))
    return broker
  }

  return {
    open,
    async declare(options = {}) {
      const tenantId = randomUUID() as TenantId
      tenants.push(tenantId)
      const broker = await open(options)
      await broker.declareTenant(tenantId)
      await broker.close(5_000)
      return tenantId
    },
    async consume(broker, tenantId, { prefetch = 100, start = true } = {}) {
      const deliveries: Delivery[] = []
      const lost: string[] = []
      const consumer = await broker.openConsumer(tenantId, {
        consumerTag: randomUUID(),
        prefetch,
        onDelivery: (delivery) => deliveries.push(delivery),
        onLost: (reason) => lost.push(reason),
      })
      if (start) await consumer.start()
      return { consumer, deliveries, lost }
    },
    async raw() {
      const connection = await connect(url)
      connection.on('error', () => {})
      cleanups.push(() => connection.close())
      const channel = await connection.createConfirmChannel()
      return channel.on('error', () => {})
    },
    async dispose() {
      await Promise.all(brokers.map((broker) => broker.close(1_000)))
      const cleaner = await open()
      for (const tenantId of tenants) await cleaner.deleteTenant(tenantId)
      await cleaner.close(1_000)
      for (const cleanup of cleanups) await cleanup().catch(() => {})
    },
  }
}

const defaults: Omit<RabbitmqOptions, 'url'> = {
  heartbeatSeconds: 10,
  channelsPerConnection: 200,
  nodeName: 'integration-test',
  queueType: 'quorum',
  deliveryLimit: 100_000,
  maxInFlight: 2_000,
  maxInFlightPerTenant: 2_000,
  maxInFlightBytes: 1e8,
  confirmTimeoutMs: 10_000,
}

export function message(tenantId: TenantId, fields: Partial<OutboundMessage> = {}): OutboundMessage {
  const id = randomUUID() as MessageId
  const { createdAtMs = Date.now() } = fields
  const absent = { type: 'test', priority: 0, key: null, readyAtMs: createdAtMs, attempt: 1, firstAttempt: 1, body: '{}' } as const
  return { tenantId, id, createdAtMs, ...absent, ...fields }
}

/** Everything the broker says, in order. */
export function listen(broker: Broker): BrokerEvent[] {
  const events: BrokerEvent[] = []
  broker.subscribe((event) => events.push(event))
  return events
}

export async function codeFrom(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it resolved',
    (error: unknown) => (error instanceof AppError ? error.code : `not an AppError: ${String(error)}`),
  )
}
