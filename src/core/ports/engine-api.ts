/** What the HTTP layer (and a program that embeds the engine) may ask of the engine. */
import type { MessageId, TenantId } from '../ids.ts'
import type { Priority } from '../message.ts'
import type { Tenant } from '../tenant.ts'
import type { QueueDepth } from './broker.ts'
import type { MessagePage, MessageQuery, StoredMessage } from './message-store.ts'
import type { TenantChange, TenantQuery } from './tenant-store.ts'

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
}

export interface TenantStats {
  readonly queue: QueueDepth
  readonly inFlight: number
  readonly ratePerSecond1m: number
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null }
  readonly workers: { readonly desired: number; readonly current: number; readonly busy: number }
  readonly state: TenantState
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: Readonly<Record<'database' | 'broker' | 'tenants' | 'node', { readonly ok: boolean; readonly detail: string }>>
}

/**
 * Errors: AppError. `tenant.missing`, `tenant.deleting`, `tenant.draining`, `tenant.name_taken`, `tenant.version_mismatch`, the broker's and the
 * database's codes, `tenant.not_converged` (the change is stored; the actors had not followed in time), `node.draining`.
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
  ): Promise<{ readonly drained: number; readonly discarded: number }>
  tenantStats(id: TenantId): Promise<TenantStats>

  /** Resolves when the broker has confirmed: the message is durable. */
  publish(tenantId: TenantId, draft: MessageDraft): Promise<MessageId>
  publishBatch(tenantId: TenantId, drafts: readonly MessageDraft[]): Promise<readonly MessageId[]>

  listMessages(query: MessageQuery): Promise<MessagePage>
  findMessage(tenantId: TenantId, id: MessageId): Promise<StoredMessage | undefined>

  readiness(): Promise<Readiness>
}
