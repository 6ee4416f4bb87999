/** What the PostgreSQL broker is told by whoever composes it. */

/** Tells the other nodes that a queue has messages: a hint, which may be lost. */
export interface QueueWake {
  notify(queue: string): void
  /** Returns the unsubscriber. May also report this node's own notifications. */
  subscribe(listener: (queue: string) => void): () => void
}

export type BrokerLog = (level: 'info' | 'warn' | 'error', message: string, details?: object) => void

export interface PostgresBrokerOptions {
  readonly url: string
  /** The schema pg-boss keeps its tables in: lower-case letters, digits and underscores, at most 50. Default `tenantry_queue`. */
  readonly schema?: string
  /** Connections for queries. One more is held for the life of the broker: it says that this node is alive. */
  readonly poolSize: number
  readonly wake: QueueWake
  /** Unconfirmed messages at once. */
  readonly maxInFlightPublishes: number
  /** Those of one tenant. */
  readonly maxInFlightPerTenant: number
  /** Unconfirmed body bytes at once. A call that finds nothing in flight is let through whatever its size. */
  readonly maxInFlightBytes: number
  readonly publishTimeoutMs: number
  readonly log: BrokerLog
}
