/** One life of the broker, from connected to lost or closed: its connection, its publisher and its consumers. */
import pLimit from 'p-limit'
import { type TenantId, tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { BrokerConsumer, ConsumerOptions, DeadLetterConsumer, DeadLetterOptions } from '../../core/ports/broker.ts'
import { createCaretaker } from './caretaker.ts'
import { openConnection } from './connection.ts'
import { createConsumer } from './consumer.ts'
import { createConsumerRegistry } from './consumer-registry.ts'
import { createDeadLetters } from './dead-letters.ts'
import { settledWithin } from './deadline.ts'
import { notConnected } from './errors.ts'
import type { PostgresBrokerOptions } from './options.ts'
import type { Publisher } from './publisher.ts'
import { createPublisher } from './publisher.ts'
import { createQueueIo } from './queue-io.ts'
import type { TenantQueues } from './tenant-queues.ts'
import { createTenantQueues } from './tenant-queues.ts'
import { createWakeNotifier } from './wake-notifier.ts'

export interface Session {
  readonly publisher: Publisher
  readonly queues: TenantQueues
  /** Rejects with `queue.missing`, or `broker.unavailable` when the session ends meanwhile. */
  openConsumer(tenantId: TenantId, options: ConsumerOptions): Promise<BrokerConsumer>
  /** Rejects with `queue.missing`, or `broker.unavailable` when the session ends meanwhile. */
  openDeadLetters(tenantId: TenantId, options: DeadLetterOptions): Promise<DeadLetterConsumer>
  /** The queue was deleted here: its consumers in this node end, those of other nodes find out. */
  endConsumersOf(queue: string): void
  /** Closes the consumers, giving their claims back, then everything else. Breaks off after `deadlineMs`. Never rejects. */
  close(deadlineMs: number): Promise<void>
}

export interface SessionOptions extends PostgresBrokerOptions {
  readonly schema: string
  /** Called once, after every consumer's onLost, when an open session lost its connection. */
  readonly onLost: (reason: string) => void
}

export async function openSession(options: SessionOptions, signal: AbortSignal): Promise<Session> {
  const { log } = options
  const consumers = createConsumerRegistry()
  const connection = await openConnection({ ...options, onLost: lose }, signal)
  const { boss, statements } = connection

  const notifier = createWakeNotifier(options.wake, log)
  const publisher = createPublisher({
    timeoutMs: options.publishTimeoutMs,
    async insert(queue, jobs) {
      const ids = await boss.insert(queue, jobs, { returnId: true })
      return ids?.length ?? 0
    },
    onCommitted(queue) {
      wakeLocal(queue)
      notifier.notify(queue)
    },
  })
  // A third of the connections is left to publishing, however many consumers claim.
  const io = createQueueIo(boss, statements, pLimit(Math.max(1, Math.floor((options.poolSize * 2) / 3))), publisher)
  const queues = createTenantQueues(boss, statements)
  const caretaker = createCaretaker({ consumers: consumers.all, statements, probe: connection.probe, log })
  const stopListening = options.wake.subscribe(wakeLocal)
  let over: string | undefined

  function wakeLocal(queue: string): void {
    for (const consumer of consumers.of(queue)) consumer.wake()
  }

  function quiesce(reason: string): void {
    over = reason
    caretaker.stop()
    stopListening()
    notifier.close()
    publisher.abandon(reason)
  }

  function lose(reason: string): void {
    quiesce(reason)
    for (const consumer of consumers.all()) consumer.lose(reason)
    options.onLost(reason)
  }

  /** A statement under way may still succeed after the loss: a consumer made then would be told of nothing. */
  async function requireQueue(queue: string): Promise<void> {
    await queues.require(queue)
    if (over !== undefined) throw notConnected(over)
  }

  return {
    publisher,
    queues,
    async openConsumer(tenantId, consumerOptions) {
      await requireQueue(tenantQueueName(tenantId))
      const consumer = createConsumer(tenantId, consumerOptions, { io, log, onEnded: consumers.remove })
      consumers.add(consumer)
      return consumer
    },
    async openDeadLetters(tenantId, letterOptions) {
      await requireQueue(tenantDeadLetterQueueName(tenantId))
      const letters = createDeadLetters(tenantId, letterOptions, { io, log, onEnded: consumers.remove })
      consumers.add(letters)
      letters.wake()
      return letters
    },
    endConsumersOf(queue) {
      for (const consumer of consumers.of(queue)) consumer.lose('the queue was deleted')
    },
    async close(deadlineMs) {
      await settledWithin(Promise.allSettled(consumers.all().map((consumer) => consumer.close())), deadlineMs)
      quiesce('the broker was closed')
      await connection.destroy()
    },
  }
}
