/**
 * One attachment of a tenant to its queue: the deliveries it holds, from arrival to acknowledgement. Plain code, since
 * a message is never an event of an actor. A lost channel ends the session; what it still settles goes nowhere, and the
 * broker delivers again.
 */
import type { MessageId, TenantId } from '../../src/core/ids.ts'
import { createMailbox, type Mailbox } from '../../src/core/mailbox.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { Meter } from '../../src/core/meter.ts'
import type { BrokerConsumer } from '../../src/core/ports/broker.ts'

export interface Session {
  readonly tenantId: TenantId
  readonly mailbox: Mailbox
  readonly meter: Meter
  /** Aborted at the drain deadline: handlers are told, their outcomes are no longer recorded. */
  readonly abort: AbortController
  /** Handler settings; replaced when the desired state changes. */
  config: Readonly<Record<string, unknown>>
  /** How many workers the tenant is to have; replaced with the settings. */
  workers: number
  /** Deliveries whose handler runs now and is waited for: by which worker, and since when, in epoch milliseconds. */
  readonly running: ReadonlyMap<Delivery, { readonly worker: number; readonly sinceMs: number }>
  /** The handler is waited for from now on, until ranOut(). */
  runs(delivery: Delivery, worker: number): void
  ranOut(delivery: Delivery): void
  /** The run of its handler that has just begun is given up at this time, in epoch milliseconds. */
  readonly onDeadline: (delivery: Delivery, atMs: number) => void
  /** undefined for a handler that has none, or waits for a thread. */
  deadlineOf(delivery: Delivery): number | undefined
  /** Deliveries received and not settled. */
  readonly inFlight: number
  /** True while a delivery of this message is in flight. For whoever asks about one message: it looks at all of them. */
  holds(id: MessageId): boolean
  /** What to close and settle with; set once, when the channel is open. */
  bind(consumer: BrokerConsumer): void
  readonly consumer: BrokerConsumer | undefined
  receive(delivery: Delivery): void
  /** The next delivery to handle; undefined when there is none, and for good once the session has ended or was aborted. */
  take(): Delivery | undefined
  /** True when take() would give a delivery. */
  hasWork(): boolean
  /** The outcome, whatever it is, is committed: acknowledge. */
  committed(delivery: Delivery, nowMs: number): void
  /** Back to the queue, untouched. */
  giveBack(delivery: Delivery): void
  /** Everything in the mailbox goes back to the queue. */
  giveBackAll(): void
  /** Calls back once, as soon as nothing is in flight. */
  whenSettled(callback: () => void): void
  /** The tenant's partition is gone. */
  onPartitionMissing: () => void
  /** Closes the consumer: what is not settled goes back to the queue. Tolerates twice. */
  end(): void
  readonly ended: boolean
}

/** Traffic counts as live for so long after a new message has come. */
const liveForMs = 1_000

export function createSession(tenantId: TenantId, meter: Meter, retryShare: number): Session {
  const running = new Map<Delivery, { readonly worker: number; readonly sinceMs: number }>()
  let workers = 1
  let retriesRunning = 0
  let newestAt = Number.NEGATIVE_INFINITY
  // Retries that take long, as those of a slow third party do, would have every worker in the end: while new messages come,
  // no more workers than their share hold one.
  const mayRetry = (): boolean => retriesRunning < Math.max(1, Math.floor(workers * retryShare)) || performance.now() - newestAt > liveForMs
  const mailbox = createMailbox(retryShare, mayRetry)
  let consumer: BrokerConsumer | undefined
  // With the deadline of the run in hand: one may end, and another of the same delivery begin, unseen from here.
  const held = new Map<Delivery, number | undefined>()
  let ended = false
  let settledCallbacks: (() => void)[] = []

  const settle = (delivery: Delivery): void => {
    held.delete(delivery)
    if (held.size > 0 || settledCallbacks.length === 0) return
    const callbacks = settledCallbacks
    settledCallbacks = []
    for (const callback of callbacks) callback()
  }

  const abort = new AbortController()
  const isOver = (): boolean => ended || abort.signal.aborted

  return {
    tenantId,
    mailbox,
    meter,
    abort,
    config: {},
    get workers() {
      return workers
    },
    set workers(count) {
      workers = count
    },
    running,
    runs(delivery, worker) {
      running.set(delivery, { worker, sinceMs: Date.now() })
      if (delivery.attempt > 1) retriesRunning++
    },
    ranOut(delivery) {
      running.delete(delivery)
      if (delivery.attempt === 1) return
      retriesRunning--
      mailbox.retryEnded()
    },
    onDeadline(delivery, atMs) {
      if (held.has(delivery)) held.set(delivery, atMs)
    },
    deadlineOf: (delivery) => held.get(delivery),
    get inFlight() {
      return held.size
    },
    holds: (id) => [...held.keys()].some((delivery) => delivery.id === id),
    bind(opened) {
      consumer = opened
    },
    get consumer() {
      return consumer
    },
    receive(delivery) {
      held.set(delivery, undefined)
      if (delivery.attempt === 1) newestAt = performance.now()
      mailbox.put(delivery)
    },
    take: () => (isOver() ? undefined : mailbox.take()),
    hasWork: () => !isOver() && mailbox.hasWork(),
    committed(delivery, nowMs) {
      meter.count(nowMs, nowMs - delivery.readyAtMs)
      consumer?.ack(delivery)
      settle(delivery)
    },
    giveBack(delivery) {
      consumer?.requeue(delivery)
      settle(delivery)
    },
    giveBackAll() {
      for (const delivery of mailbox.empty()) {
        consumer?.requeue(delivery)
        settle(delivery)
      }
    },
    whenSettled(callback) {
      if (held.size === 0) callback()
      else settledCallbacks.push(callback)
    },
    onPartitionMissing: () => {},
    end() {
      if (ended) return
      ended = true
      // Nobody else may be left to do it: a crashed actor's children are not stopped.
      void consumer?.close().catch(() => {})
      settledCallbacks = []
      mailbox.empty()
    },
    get ended() {
      return ended
    },
  }
}
