/** What the actors' shells reach the world through. Machines never see these: the logic factories close over them. */
import type { BackoffPolicy } from '../src/core/backoff.ts'
import type { Broker } from '../src/core/ports/broker.ts'
import type { Handlers } from '../src/core/ports/handlers.ts'
import type { Logger } from '../src/core/ports/logger.ts'
import type { MessageStore } from '../src/core/ports/message-store.ts'
import type { EngineMetrics } from '../src/core/ports/metrics.ts'
import type { Hints, Nodes, TenantStore } from '../src/core/ports/tenant-store.ts'
import type { RestartPolicy } from './tenant/restart-policy.ts'

export interface ActorPolicy {
  /** Deliveries one tenant may hold unsettled. */
  readonly prefetch: number
  readonly ledger: { readonly batchSize: number; readonly lingerMs: number; readonly maxInFlight: number }
  readonly restart: RestartPolicy
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
  readonly tenants: TenantStore
  readonly hints: Hints
  readonly nodes: Nodes
  readonly handlers: Handlers
  readonly metrics: EngineMetrics
  readonly log: Logger
  readonly policy: ActorPolicy
}
