/**
 * One attachment of a tenant to its queue: the deliveries it holds, from arrival to acknowledgement. Plain code, since
 * a message is never an event of an actor. A lost channel ends the session; what it still settles goes nowhere, and the
 * broker delivers again.
 */
import { errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import { createMailbox, type Mailbox } from '../../src/core/mailbox.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { Meter } from '../../src/core/meter.ts'
import type { Broker, BrokerConsumer } from '../../src/core/ports/broker.ts'

export interface Session {
  readonly tenantId: TenantId
  readonly mailbox: Mailbox
  readonly meter: Meter
  /** Aborted at the drain deadline: handlers are told, their outcomes are no longer recorded. */
  readonly abort: AbortController
  /** Handler settings; replaced when the desired state changes. */
  config: Readonly<Record<string, unknown>>
  /** Deliveries whose handler runs now and has been waited for. */
  readonly running: Set<Delivery>
  /** Deliveries received and not settled. */
  readonly inFlight: number
  /** What to close and settle with; set once, when the channel is open. */
  bind(consumer: BrokerConsumer): void
  readonly consumer: BrokerConsumer | undefined
  receive(delivery: Delivery): void
  /** The next delivery to handle; undefined when there is none, and for good once the session has ended or was aborted. */
  take(): Delivery | undefined
  /** True when take() would give a delivery. */
  hasWork(): boolean
  /** The outcome is committed: acknowledge. */
  committed(delivery: Delivery, nowMs: number): void
  /** The failure is committed: copy to the dead-letter queue, then acknowledge. */
  failed(delivery: Delivery, reason: string, nowMs: number): void
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

const deadLetterRetryMs = 500

export function createSession(
  tenantId: TenantId,
  meter: Meter,
  broker: Pick<Broker, 'deadLetter'>,
  onTrouble: (text: string) => void,
): Session {
  const mailbox = createMailbox()
  let consumer: BrokerConsumer | undefined
  let inFlight = 0
  let ended = false
  let settledCallbacks: (() => void)[] = []

  const settle = (): void => {
    inFlight--
    if (inFlight > 0 || settledCallbacks.length === 0) return
    const callbacks = settledCallbacks
    settledCallbacks = []
    for (const callback of callbacks) callback()
  }

  // Until it is durable in the dead-letter queue the delivery stays unacknowledged: it cannot be lost, only repeated.
  const deadLetter = async (delivery: Delivery, reason: string): Promise<void> => {
    while (!ended) {
      try {
        await broker.deadLetter(delivery, reason)
        consumer?.ack(delivery)
        settle()
        return
      } catch (error) {
        onTrouble(`a failed message waits for its dead-letter queue: ${errorText(error)}`)
        await new Promise((resolve) => setTimeout(resolve, deadLetterRetryMs).unref())
      }
    }
  }

  const abort = new AbortController()
  const isOver = (): boolean => ended || abort.signal.aborted

  return {
    tenantId,
    mailbox,
    meter,
    abort,
    config: {},
    running: new Set(),
    get inFlight() {
      return inFlight
    },
    bind(opened) {
      consumer = opened
    },
    get consumer() {
      return consumer
    },
    receive(delivery) {
      inFlight++
      mailbox.put(delivery)
    },
    take: () => (isOver() ? undefined : mailbox.take()),
    hasWork: () => !isOver() && mailbox.hasWork(),
    committed(delivery, nowMs) {
      meter.count(nowMs, nowMs - delivery.createdAtMs)
      consumer?.ack(delivery)
      settle()
    },
    failed(delivery, reason, nowMs) {
      meter.count(nowMs, nowMs - delivery.createdAtMs)
      void deadLetter(delivery, reason)
    },
    giveBack(delivery) {
      consumer?.requeue(delivery)
      settle()
    },
    giveBackAll() {
      for (const delivery of mailbox.empty()) {
        consumer?.requeue(delivery)
        settle()
      }
    },
    whenSettled(callback) {
      if (inFlight === 0) callback()
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
