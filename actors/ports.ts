/** What the actors' shells reach the world through. Machines never see these: the logic factories close over them. */
import type { BackoffPolicy } from '../src/core/backoff.ts'
import type { CircuitPolicy } from '../src/core/circuit.ts'
import type { Broker } from '../src/core/ports/broker.ts'
import type { DueHints } from '../src/core/ports/due-hints.ts'
import type { FailureStore } from '../src/core/ports/failure-store.ts'
import type { Handlers } from '../src/core/ports/handlers.ts'
import type { Logger } from '../src/core/ports/logger.ts'
import type { MessageStore } from '../src/core/ports/message-store.ts'
import type { EngineMetrics } from '../src/core/ports/metrics.ts'
import type { RetentionStore } from '../src/core/ports/retention-store.ts'
import type { ScheduleStore } from '../src/core/ports/schedule-store.ts'
import type { Hints, Nodes, TenantStore } from '../src/core/ports/tenant-store.ts'
import type { Tracing } from '../src/core/ports/tracing.ts'
import type { RetryPolicy } from '../src/core/retry-policy.ts'
import type { RestartPolicy } from './tenant/restart-policy.ts'

export interface ActorPolicy {
  /** Deliveries one tenant may hold unsettled. */
  readonly prefetch: number
  readonly ledger: { readonly batchSize: number; readonly lingerMs: number; readonly maxInFlight: number }
  readonly restart: RestartPolicy
  readonly retry: {
    /** Of the installation: what no handler and no tenant says otherwise. */
    readonly policy: RetryPolicy
    /** The part of the turns that retries get while new messages wait. */
    readonly share: number
    /** How many retries of one tenant may be in its queue at once. */
    readonly maxInQueue: number
  }
  readonly circuit: CircuitPolicy
  /** A handler that takes longer has been given up. */
  readonly handlerLimitMs: number
  /** 0 days keep for ever. */
  readonly retention: {
    readonly messagesDays: number
    readonly failuresDays: number
    readonly auditDays: number
    readonly intervalMs: number
  }
  /** Between attempts to reach the broker or the database. */
  readonly reconnect: BackoffPolicy
  readonly reconcileIntervalMs: number
  /** How many tenants provision or attach at once. */
  readonly attachConcurrency: number
}

export interface ActorPorts {
  readonly nodeId: string
  readonly broker: Broker
  readonly messages: MessageStore
  readonly failures: FailureStore
  readonly schedules: ScheduleStore
  readonly retention: RetentionStore
  readonly tenants: TenantStore
  readonly hints: Hints
  readonly dueHints: DueHints
  readonly nodes: Nodes
  readonly handlers: Handlers
  readonly metrics: EngineMetrics
  /** undefined when nobody traces. */
  readonly tracing?: Tracing | undefined
  readonly log: Logger
  readonly policy: ActorPolicy
}
