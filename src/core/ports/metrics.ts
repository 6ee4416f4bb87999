/** The metrics port: what the engine counts, and how an operator reads it. */

/** `refused`: nacked or no queue. `unavailable`: broker away, blocked or window full. `unknown`: no confirm in time. */
export type PublishedAs = 'confirmed' | 'refused' | 'unavailable' | 'unknown'

export type SettledAs = 'processed' | 'retrying' | 'failed' | 'duplicate'

/** The load of one tenant on this node, or of several together. */
export interface TenantLoad {
  readonly queueReadyMessages: number
  readonly inFlightMessages: number
  /** Over the last minute. */
  readonly settledPerSecond: number
}

/** The tenants with the highest load, by id, and all others together: never more entries than were asked for. */
export interface TenantLoads {
  readonly top: readonly (TenantLoad & { readonly tenant: string })[]
  readonly other: TenantLoad
}

/** The engine's state at one moment. A sampler gives the parts it knows; a part that nobody gives is not exposed. */
export interface EngineSample {
  /** How many tenants this node runs, by state name. */
  readonly tenants?: Readonly<Record<string, number>>
  readonly workers?: { readonly idle: number; readonly busy: number }
  /** Deliveries taken from the broker and not yet acknowledged. */
  readonly inFlightMessages?: number
  /** Ready messages of all tenants' queues together, as far as this node has looked. */
  readonly queueReadyMessages?: number
  /** How old the oldest look is that `queueReadyMessages` rests on. */
  readonly queueDepthAgeSeconds?: number
  /** Deliveries that have been handled and whose outcome is not recorded yet. */
  readonly ledgerWaitingMessages?: number
  readonly ledgerStalled?: boolean
  /** For how long the message that has been due longest waits to be put back in its queue. */
  readonly retryLagSeconds?: number
  readonly brokerUp?: boolean
  /** Connected, and it takes no messages. */
  readonly brokerBlocked?: boolean
  readonly databaseUp?: boolean
  /** What /readyz answers. */
  readonly ready?: boolean
  /** Both 0 until this node drains. */
  readonly drain?: { readonly seconds: number; readonly deadlineSeconds: number }
  readonly loads?: TenantLoads
}

/** What a read wants: `loads` costs a look at every tenant, and only some readers may see it. */
export type Sampler = (wanted: { readonly tenants: boolean }) => EngineSample

/** One answered request. The label values come from the code, never from a request. */
export interface AnsweredRequest {
  /** What was asked for, as the authorization table names it; `none` where no route was found. */
  readonly action: string
  readonly kind: 'read' | 'write' | 'publish'
  readonly status: number
  /** undefined for an answer that lasts as long as somebody listens. */
  readonly seconds: number | undefined
  readonly traceId?: string | undefined
}

export interface RenderOptions {
  /** OpenMetrics 1.0, with exemplars for those who see tenants, instead of the Prometheus text format. False by default. */
  readonly openMetrics?: boolean
  /** Gauges with the ids of tenants too. False by default: whoever reads them learns who the tenants are and how busy. */
  readonly tenants?: boolean
}

/**
 * The counts of one engine. Counting is plain arithmetic, cheap enough for each message. How many series there are does not
 * depend on how many tenants there are.
 *
 * Units:  seconds; a counter or a histogram never carries a tenant.
 * Errors: none; counting never throws, and a sampler that throws gives nothing.
 */
export interface EngineMetrics {
  published(outcome: PublishedAs, count?: number): void
  settled(outcome: SettledAs, count?: number): void
  /** Due messages that went back to their queues. */
  republished(what: 'retry' | 'scheduled', count: number): void
  ledgerCommitted(batchSize: number, seconds: number): void
  ledgerStalled(): void
  /** `traceId`: the trace that the run belongs to, shown as an exemplar. */
  handlerRan(seconds: number, traceId?: string): void
  tenantRestarted(): void
  tenantQuarantined(): void
  /** A tenant has begun to finish what has arrived: it is drained, deleted, or its node stops. */
  tenantDraining(): void
  workerRestarted(): void
  /** This node has drained; `complete` is false when handlers had to be aborted. */
  nodeDrained(complete: boolean): void
  answered(request: AnsweredRequest): void
  /** Calls `sample` at each read. Returns the unregisterer. */
  collect(sample: Sampler): () => void
  /** Everything in a text format of Prometheus. */
  render(options?: RenderOptions): Promise<{ readonly contentType: string; readonly text: string }>
}
