/** The metrics port: what the engine counts, and how an operator reads it. */

/** `refused`: nacked or no queue. `unavailable`: broker away, blocked or window full. `unknown`: no confirm in time. */
export type PublishedAs = 'confirmed' | 'refused' | 'unavailable' | 'unknown'

export type SettledAs = 'processed' | 'retrying' | 'failed' | 'duplicate'

/** The engine's state at one moment. A sampler gives the parts it knows; a part that nobody gives is not exposed. */
export interface EngineSample {
  /** How many tenants this node runs, by state name. */
  readonly tenants?: Readonly<Record<string, number>>
  readonly workers?: { readonly idle: number; readonly busy: number }
  /** Deliveries taken from the broker and not yet acknowledged. */
  readonly inFlightMessages?: number
  /** Ready messages of all tenants' queues together. */
  readonly queueReadyMessages?: number
  readonly brokerUp?: boolean
  readonly databaseUp?: boolean
}

/**
 * The counts of one engine. Counting is plain arithmetic, cheap enough for each message.
 *
 * Units:  seconds; a histogram never carries a tenant.
 * Errors: none; counting never throws, and a sampler that throws gives nothing.
 */
export interface EngineMetrics {
  published(outcome: PublishedAs, count?: number): void
  settled(outcome: SettledAs, count?: number): void
  /** Due messages that went back to their queues. */
  republished(what: 'retry' | 'scheduled', count: number): void
  ledgerCommitted(batchSize: number, seconds: number): void
  ledgerStalled(): void
  handlerRan(seconds: number): void
  tenantRestarted(): void
  /** Calls `sample` at each read. Returns the unregisterer. */
  collect(sample: () => EngineSample): () => void
  /** Everything in the Prometheus text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>
}
