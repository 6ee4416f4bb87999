/** A node's open consumers, found by queue without walking them all: publishing wakes them. */

/** What the session does with whoever takes jobs from a queue, beside what its owner does. */
export interface PulledConsumer {
  readonly queue: string
  /** True when it would claim jobs if it knew of any. */
  readonly hungry: boolean
  /** There may be jobs in the queue. A wake-up that arrives during a claim is kept. */
  wake(): void
  /** Keeps the claims alive that are older than `ageMs`. Never rejects. */
  touch(ageMs: number): Promise<void>
  /** Ends it without its owner's doing: onLost is called, claims are left to lapse. */
  lose(reason: string): void
  /** Ends it, giving its claims back. Tolerates twice. */
  close(): Promise<void>
}

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
