/** What the HTTP layer (and a program that embeds the engine) may ask of the engine. */

import type { FailedMessage } from '../failure.ts'
import type { MessageId, TenantId } from '../ids.ts'
import type { Priority } from '../message.ts'
import type { RetryPolicy } from '../retry-policy.ts'
import type { Tenant } from '../tenant.ts'
import type { TraceContext } from '../trace.ts'
import type { QueueDepth } from './broker.ts'
import type { FailedFilter, FailedPage, FailedQuery, FailedStats } from './failure-store.ts'
import type { MessagePage, MessageQuery, StoredMessage } from './message-store.ts'
import type { ScheduledMessage, ScheduledPage, ScheduledQuery } from './schedule-store.ts'
import type { ErasureCertificate, TenantChange, TenantQuery, TombstonePage, TombstoneQuery } from './tenant-store.ts'

/** What the tenant's actor is in now, over all nodes; `unassigned` when no node runs it. */
export type TenantState =
  | 'provisioning'
  | 'attaching'
  | 'running'
  | 'paused'
  | 'stalled'
  | 'draining'
  | 'detaching'
  | 'stopped'
  | 'backing_off'
  | 'quarantined'
  | 'deleting'
  | 'deleted'
  | 'unassigned'

export interface TenantView extends Tenant {
  readonly state: TenantState
  /** Why the state is what it is, when it is not the wanted one. */
  readonly stateReason: string | null
  readonly currentWorkers: number
  readonly queueName: string
}

export interface TenantDraft {
  readonly name: string
  readonly description?: string | null
  /** `active` by default. */
  readonly status?: 'active' | 'paused'
  /** 1 to 50; the configured default when undefined. */
  readonly workers?: number | undefined
  readonly config?: Readonly<Record<string, unknown>>
  /** Published as soon as the tenant takes messages. */
  readonly messages?: readonly MessageDraft[]
}

export interface MessageDraft {
  /** A UUIDv7 is made when undefined. */
  readonly id?: MessageId | undefined
  readonly type: string
  /** Any JSON value that `inspectJson` has passed. */
  readonly data: unknown
  /** 0 by default. */
  readonly priority?: Priority
  readonly key?: string | null
  /** When it goes into the queue; at once when undefined or past. At most a year ahead. */
  readonly scheduledAt?: Date | undefined
  /** Where it is published from, for those who trace it; of several drafts of one call that of the first counts. */
  readonly trace?: TraceContext | undefined
}

/** `Idempotency-Key` with a digest of route and body: the same pair gives the same answer and no second message. */
export interface IdempotencyKey {
  readonly key: string
  readonly digest: string
}

export interface Published {
  readonly ids: readonly MessageId[]
  /** True when an earlier request with the same key had published them. */
  readonly replayed: boolean
  /** Of the trace that the messages belong to; undefined when nobody traces. */
  readonly traceId?: string | undefined
}

/** The policy in force for messages that no handler and no tenant says anything else about, and those that have a name. */
export interface RetryOverview extends FailedStats {
  readonly policy: RetryPolicy
  readonly namedPolicies: Readonly<Record<string, RetryPolicy>>
}

/** A circuit that is not closed: deliveries for the destination are put off. */
export interface CircuitView {
  readonly destination: string
  readonly state: 'open' | 'half_open'
  readonly until: Date
  readonly reason: string
}

export interface TenantStats {
  readonly queue: QueueDepth
  readonly inFlight: number
  readonly ratePerSecond1m: number
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null }
  readonly workers: { readonly desired: number; readonly current: number; readonly busy: number }
  readonly state: TenantState
  /** Of all nodes, a moment old. */
  readonly circuits: readonly CircuitView[]
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<'database' | 'broker' | 'tenants' | 'node', { readonly ok: boolean; readonly detail: string }>>
}

/**
 * Errors: AppError. `tenant.missing`, `tenant.deleting`, `tenant.draining`, `tenant.name_taken`, `tenant.version_mismatch`, the broker's and the
 * database's codes, `tenant.not_converged` (the change is stored; the actors had not followed in time, or what follows failed), `node.draining`.
 */
export interface EngineApi {
  /** Queue, partition and (where this installation has worker nodes) consumer exist when it resolves. */
  createTenant(draft: TenantDraft): Promise<{ readonly tenant: TenantView; readonly messageIds: readonly MessageId[] }>
  listTenants(query: TenantQuery): Promise<{ readonly tenants: readonly TenantView[]; readonly next: TenantQuery['after'] }>
  findTenant(id: TenantId): Promise<TenantView | undefined>
  /** Stores the change and waits, for a bounded time, until the actors have followed. */
  changeTenant(id: TenantId, change: TenantChange, expectedVersion?: number): Promise<TenantView>
  resizeTenant(
    id: TenantId,
    workers: number,
  ): Promise<{ readonly workers: number; readonly previousWorkers: number; readonly currentWorkers: number }>
  /** Asks the tenant to finish its queue and stop; does not wait for it. */
  drainTenant(
    id: TenantId,
  ): Promise<{ readonly tenant: TenantView; readonly remaining: { readonly ready: number; readonly inFlight: number } }>
  deleteTenant(
    id: TenantId,
    mode: 'drain' | 'discard',
    deadlineMs: number,
  ): Promise<{ readonly drained: number; readonly discarded: number; readonly certificate: ErasureCertificate | undefined }>
  /** Tenants that were deleted, with their certificates. */
  listErasures(query: TombstoneQuery): Promise<TombstonePage>
  findErasure(id: TenantId): Promise<TombstonePage['tombstones'][number] | undefined>
  /** The tenant's configuration as this node last read it: from memory, but for a tenant it has never seen. undefined when there is none. */
  tenantConfig(id: TenantId): Readonly<Record<string, unknown>> | undefined | Promise<Readonly<Record<string, unknown>> | undefined>
  tenantStats(id: TenantId): Promise<TenantStats>

  /**
   * Resolves when the messages are durable: confirmed by the broker, or stored until they are due. Errors also:
   * `idempotency.mismatch`, `idempotency.in_progress`.
   */
  publish(tenantId: TenantId, drafts: readonly MessageDraft[], key?: IdempotencyKey): Promise<Published>

  listMessages(query: MessageQuery): Promise<MessagePage>
  findMessage(tenantId: TenantId, id: MessageId): Promise<StoredMessage | undefined>

  listScheduled(query: ScheduledQuery): Promise<ScheduledPage>
  findScheduled(tenantId: TenantId, id: MessageId): Promise<ScheduledMessage | undefined>
  /** Errors also: `message.missing`, `message.not_cancellable` (queued, processed or failed already). */
  cancelScheduled(tenantId: TenantId, id: MessageId): Promise<void>

  listFailed(query: FailedQuery): Promise<FailedPage>
  findFailed(tenantId: TenantId, id: MessageId): Promise<FailedMessage | undefined>
  countFailed(tenantId: TenantId, filter: FailedFilter): Promise<number>
  /** Due now, paced so that live traffic keeps its share of the workers. Resolves with how many. */
  retryFailed(tenantId: TenantId, filter: FailedFilter): Promise<number>
  discardFailed(tenantId: TenantId, filter: FailedFilter): Promise<number>
  failedStats(tenantId: TenantId): Promise<FailedStats>
  retryStats(): Promise<RetryOverview>

  readiness(): Promise<Readiness>
}
