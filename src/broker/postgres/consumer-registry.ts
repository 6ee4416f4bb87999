/** A node's open consumers, found by queue without walking them all: publishing wakes them. */
import type { PulledConsumer } from './consumer.ts'

export interface ConsumerRegistry {
  add(consumer: PulledConsumer): void
  remove(consumer: PulledConsumer): void
  all(): PulledConsumer[]
  of(queue: string): PulledConsumer[]
}

/** Shape: the lists are copies, so a consumer may end while one is walked. */
export function createConsumerRegistry(): ConsumerRegistry {
  const byQueue = new Map<string, PulledConsumer[]>()
  return {
    add(consumer) {
      byQueue.set(consumer.queue, [...(byQueue.get(consumer.queue) ?? []), consumer])
    },
    remove(consumer) {
      const others = (byQueue.get(consumer.queue) ?? []).filter((other) => other !== consumer)
      if (others.length > 0) byQueue.set(consumer.queue, others)
      else byQueue.delete(consumer.queue)
    },
    all: () => [...byQueue.values()].flat(),
    of: (queue) => [...(byQueue.get(queue) ?? [])],
  }
}
