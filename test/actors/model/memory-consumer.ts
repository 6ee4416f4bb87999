/** One consumer of a queue in memory, as the node has it: acknowledgements go together, and may be lost on their way. */
import type { TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { BrokerConsumer, ConsumerOptions } from '../../../src/core/ports/broker.ts'
import type { Link } from './link.ts'
import type { VirtualTime } from './virtual-time.ts'

/** A message in a queue, or with a consumer. */
export interface Entry {
  /** Its place: what comes back goes before what came later. */
  readonly sequence: number
  readonly message: OutboundMessage
  deliveries: number
}

/** The broker's side of it. */
export interface Consumer {
  readonly tenantId: TenantId
  /** Its node's. */
  readonly link: Link
  readonly options: ConsumerOptions
  readonly unacked: Map<number, Entry>
  receiving: boolean
  over: boolean
}

export interface MemoryConsumerOptions {
  readonly consumer: Consumer
  readonly time: VirtualTime
  readonly settle: (consumer: Consumer, tag: number) => Entry | undefined
  readonly putBack: (tenantId: TenantId, entries: Iterable<Entry>) => void
  readonly end: () => void
}

export function createMemoryConsumer({ consumer, time, settle, putBack, end }: MemoryConsumerOptions): BrokerConsumer {
  const { link } = consumer
  let acks: number[] = []
  const sendAcks = (): void => {
    if (!consumer.over) for (const tag of acks) settle(consumer, tag)
    acks = []
  }
  const isGone = (): boolean => consumer.over || link.dead
  return {
    start: () =>
      link.call(() => {
        consumer.receiving = !consumer.over
        putBack(consumer.tenantId, [])
      }),
    cancel: () =>
      link.call(() => {
        consumer.receiving = false
      }),
    ack({ tag }) {
      if (isGone()) return
      acks.push(tag)
      if (acks.length === 1) setTimeout(sendAcks, 1 + time.draw(20))
    },
    requeue({ tag }) {
      const entry = isGone() ? undefined : settle(consumer, tag)
      if (entry) putBack(consumer.tenantId, [entry])
    },
    async close() {
      if (isGone()) return
      sendAcks()
      end()
    },
  }
}
