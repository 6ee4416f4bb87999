/** A broker of one consumer at a time whose every step the test takes itself. It keeps the port's promises: nothing arrives after cancel(), onLost is called once and never after close(). */
import type { Delivery } from '../../../src/core/message.ts'
import type { Broker, BrokerConsumer, ConsumerOptions } from '../../../src/core/ports/broker.ts'
import { type Calls, createCalls } from './deferred.ts'

export interface FakeBroker {
  readonly broker: Broker
  readonly opening: Calls<ConsumerOptions, void>
  /** What was asked of the consumer, oldest first. */
  readonly calls: string[]
  /** Steps that fail instead. */
  readonly failing: Set<string>
  deliver(delivery: Delivery): void
  lose(reason: string): void
}

export function createFakeBroker(): FakeBroker {
  const opening = createCalls<ConsumerOptions, void>()
  const calls: string[] = []
  const failing = new Set<string>()
  let options: ConsumerOptions | undefined
  let receiving = false
  let over = false

  const step = async (name: string): Promise<void> => {
    calls.push(name)
    await Promise.resolve()
    if (failing.has(name)) throw new Error(`${name} failed`)
  }
  const consumer: BrokerConsumer = {
    async start() {
      await step('start')
      receiving = true
    },
    async cancel() {
      await step('cancel')
      receiving = false
    },
    ack: ({ tag }) => void calls.push(`ack ${tag}`),
    requeue: ({ tag }) => void calls.push(`requeue ${tag}`),
    async close() {
      if (!over) await step('close')
      over = true
      receiving = false
    },
  }
  const broker: Pick<Broker, 'openConsumer'> = {
    async openConsumer(_, given) {
      await opening.call(given)
      options = given
      over = false
      return consumer
    },
  }
  return {
    broker: broker as Broker,
    opening,
    calls,
    failing,
    deliver(delivery) {
      if (!receiving || over) throw new Error('a delivery without a consumer')
      options?.onDelivery(delivery)
    },
    lose(reason) {
      if (over) return
      over = true
      receiving = false
      options?.onLost(reason)
    },
  }
}
