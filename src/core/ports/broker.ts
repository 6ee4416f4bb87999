/** The broker port: queues per tenant, confirmed publishing, consumers whose deliveries are settled one by one or by watermark. */
import type { MessageId, TenantId } from '../ids.ts'
import type { Delivery, OutboundMessage, Priority } from '../message.ts'

export interface QueueDepth {
  /** Messages waiting in the tenant's queue. */
  readonly ready: number
  /** Messages delivered to some consumer and not settled; undefined where the broker cannot say. */
  readonly unacked: number | undefined
  /** Messages in the tenant's dead-letter queue. */
  readonly dlq: number
}

/**
 * Where a message is in its tenant's queue, at a moment.
 *
 * | kind       | means                                                                                        |
 * | waiting    | ready; `ahead` would be delivered before it                                                  |
 * | delivered  | with some consumer, and not settled                                                          |
 * | missing    | the queue does not hold it, or there is no queue                                             |
 * | unknowable | the broker cannot look into its queues, or not so far                                        |
 */
export type QueuePlace =
  | { readonly kind: 'waiting'; readonly ahead: number }
  | { readonly kind: 'delivered' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknowable' }

/** A queue that was removed, with how many messages went with it. */
export interface RemovedQueue {
  readonly name: string
  readonly messages: number
}

export type BrokerEvent =
  | { readonly type: 'broker.lost'; readonly reason: string }
  | { readonly type: 'broker.blocked'; readonly reason: string }
  | { readonly type: 'broker.unblocked' }

export interface ConsumerOptions {
  /** Unique in the whole installation. */
  readonly consumerTag: string
  /** How many deliveries may be unsettled at once. */
  readonly prefetch: number
  /** Called synchronously for each delivery; must not throw. */
  readonly onDelivery: (delivery: Delivery) => void
  /** Called once when the consumer ended by itself: channel closed, queue deleted, connection lost. Never after close(). */
  readonly onLost: (reason: string) => void
}

/**
 * One consumer of one tenant's queue.
 *
 * All settling calls tolerate a consumer that is gone: the broker then delivers the message again.
 */
export interface BrokerConsumer {
  /** Begins (or, after cancel(), begins again) to receive deliveries. Tags go on rising. */
  start(): Promise<void>
  /** Stops new deliveries. When it resolves none will arrive; those that have arrived can still be settled. */
  cancel(): Promise<void>
  /** The outcome is recorded: the message may be forgotten. Acknowledgements may be sent a little later, together. */
  ack(delivery: Delivery): void
  /** Gives the delivery back to its queue. */
  requeue(delivery: Delivery): void
  /** Sends the acknowledgements that wait, then ends. Unsettled deliveries go back to the queue. Tolerates twice. */
  close(): Promise<void>
}

/** A message that the broker has put aside: nobody could read it, or it was delivered too often. */
export interface DeadLetter {
  readonly tenantId: TenantId
  /** What its properties say; undefined when they lack it, or it is not usable. */
  readonly id: MessageId | undefined
  readonly type: string | undefined
  readonly priority: Priority
  readonly key: string | null
  readonly createdAtMs: number
  readonly attempt: number
  readonly trace?: string | undefined
  /** The body as it came. */
  readonly body: Uint8Array
  readonly reason: DeadLetterReason
  /** A fact for operators: which property is missing, how the broker calls its reason. One line. */
  readonly detail: string
  /** True when it may have been handed out before: its row may be there already. */
  readonly redelivered: boolean
}

export type DeadLetterReason = 'undecodable' | 'delivery_limit' | 'expired' | 'unknown'

export interface DeadLetterOptions {
  /** Called for each; resolve when it is stored, and it is removed. A rejection gives it back, and it is handed out again after a while. */
  readonly onDeadLetter: (letter: DeadLetter) => Promise<void>
  /** Called once when it ended by itself. Never after close(). */
  readonly onLost: (reason: string) => void
}

export interface BatchOptions {
  /**
   * For what no client waits for: the batch goes in parts, beside what clients publish and without taking their places, and
   * waits for room. Once this is aborted no further part is sent. Without it a batch that does not fit is refused at once.
   */
  readonly patience?: AbortSignal
}

export interface DeadLetterConsumer {
  /** Ends; what is not stored stays in the queue. Tolerates twice. */
  close(): Promise<void>
}

/**
 * A message broker with one durable queue and one dead-letter queue per tenant.
 *
 * Errors: calls reject with AppError: `broker.unavailable` (connection away or lost meanwhile), `broker.blocked` (alarm),
 * `broker.window_full` (too many unconfirmed publishes), `broker.refused` (nacked), `broker.unknown_outcome` (no confirm
 * in time), `queue.missing` (no such queue).
 */
export interface Broker {
  readonly kind: 'rabbitmq' | 'postgres'
  /** Opens the connections. Resolves when publishing and consuming are possible; may be called again after `broker.lost`. */
  connect(signal: AbortSignal): Promise<void>
  /** Changes after connect(). Consumers report their own loss by onLost, whether the broker is lost or not. Returns the unsubscriber. */
  subscribe(listener: (event: BrokerEvent) => void): () => void
  /** Waits for outstanding confirms within `deadlineMs`, then closes everything. Tolerates twice and never-connected. */
  close(deadlineMs: number): Promise<void>

  /** Makes the tenant's queue and dead-letter queue exist. Idempotent. */
  declareTenant(tenantId: TenantId): Promise<void>
  /**
   * Removes both queues, the tenant's own first. Idempotent: a queue that was gone held nothing. `discarded` is how many ready
   * messages the tenant's own queue held.
   */
  deleteTenant(tenantId: TenantId): Promise<{ readonly discarded: number; readonly queues: readonly RemovedQueue[] }>
  /** Errors: `queue.missing`. */
  depth(tenantId: TenantId): Promise<QueueDepth>
  /** Where the message is in the tenant's own queue; of one that is there more than once, the first. Its cost is bounded, however long the queue. */
  find(tenantId: TenantId, id: MessageId): Promise<QueuePlace>

  /** Resolves when the broker has confirmed the message: it is durable and in the tenant's queue. */
  publish(message: OutboundMessage): Promise<void>
  /**
   * All messages are for one tenant; resolves when every one is confirmed. When some are stored and others are not, or nobody
   * knows, it rejects with `broker.unknown_outcome` and details `confirmed`: the ids that are. After any other error none is.
   */
  publishBatch(messages: readonly OutboundMessage[], options?: BatchOptions): Promise<void>
  /** Opens a consumer that does not receive yet: call start(). Errors also: `queue.missing`. */
  openConsumer(tenantId: TenantId, options: ConsumerOptions): Promise<BrokerConsumer>
  /** Receives what is in the tenant's dead-letter queue, and what comes into it. Errors also: `queue.missing`. */
  openDeadLetters(tenantId: TenantId, options: DeadLetterOptions): Promise<DeadLetterConsumer>
}
