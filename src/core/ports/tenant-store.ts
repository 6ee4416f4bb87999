/** The tenant store port: desired state, partitions, and what each node reports about its tenants. */
import type { TenantId } from '../ids.ts'
import type { Deletion, DesiredTenant, Tenant, TenantStatus } from '../tenant.ts'

export interface NewTenant {
  readonly id: TenantId
  readonly name: string
  readonly description: string | null
  readonly status: 'active' | 'paused'
  readonly workers: number
  readonly config: Readonly<Record<string, unknown>>
}

export interface TenantChange {
  readonly name?: string
  readonly description?: string | null
  readonly status?: TenantStatus
  readonly workers?: number
  readonly config?: Readonly<Record<string, unknown>>
  /** Asks every node to restart the tenant's actor. */
  readonly restart?: boolean
  /** Goes with `status: 'deleting'`. */
  readonly deletion?: Deletion
}

/** What one node says about one tenant it runs. */
export interface TenantReport {
  readonly tenantId: TenantId
  readonly state: string
  readonly currentWorkers: number
  readonly busyWorkers: number
  readonly inFlight: number
  readonly reason: string | null
  readonly circuits: readonly CircuitReport[]
}

/** A circuit that is not closed on a node. */
export interface CircuitReport {
  readonly destination: string
  readonly state: 'open' | 'half_open'
  readonly untilMs: number
  readonly reason: string
}

export interface TenantQuery {
  readonly status?: TenantStatus
  /** Part of the name, case-insensitive. */
  readonly search?: string
  readonly after?: { readonly createdAtMicros: string; readonly id: TenantId }
  readonly limit: number
}

export interface TenantPage {
  readonly tenants: readonly Tenant[]
  readonly next: { readonly createdAtMicros: string; readonly id: TenantId } | undefined
}

/** What a deletion found in one place and removed from it. `found` is counted before the first row goes, `left` when all is done. */
export interface ErasedPlace {
  /** A table (`failed_messages`), the partition or a queue, by its name. */
  readonly name: string
  readonly kind: 'table' | 'partition' | 'queue'
  /** Rows or messages. */
  readonly found: number
  /** 0, or the erasure is not complete. */
  readonly left: number
}

/** Proof of a deletion: what there was, and that it is gone. */
export interface ErasureCertificate {
  readonly tenantId: TenantId
  readonly startedAt: Date
  readonly completedAt: Date
  readonly places: readonly ErasedPlace[]
}

export interface Tombstone {
  readonly discarded: number
  readonly deletedAt: Date
  /** undefined for a tenant that was deleted before there were certificates. */
  readonly certificate: ErasureCertificate | undefined
}

export interface TombstoneQuery {
  readonly after?: { readonly createdAtMicros: string; readonly id: TenantId }
  readonly limit: number
}

export interface TombstonePage {
  readonly tombstones: readonly (Tombstone & { readonly tenantId: TenantId })[]
  readonly next: { readonly createdAtMicros: string; readonly id: TenantId } | undefined
}

/** Errors: AppError `database.unavailable`, `tenant.name_taken`, `tenant.version_mismatch`. */
export interface TenantStore {
  /** Inserts the row and creates the tenant's partition. Errors also: `tenant.name_taken`. */
  create(tenant: NewTenant): Promise<Tenant>
  find(id: TenantId): Promise<Tenant | undefined>
  list(query: TenantQuery): Promise<TenantPage>
  /** undefined when there is no such tenant; with `expectedVersion`, `tenant.version_mismatch` when it has moved on. A tenant that is deleting is not changed (`tenant.deleting`), except that its deletion may become a `discard`. */
  update(id: TenantId, change: TenantChange, expectedVersion?: number): Promise<Tenant | undefined>
  /**
   * Removes partition, rows of every table, reports and row, leaving a tombstone with `discarded` and what was scheduled or waited for
   * its next attempt, and a certificate of what was found. `queues` are those that the broker has removed, each with the messages it
   * held. Idempotent, resumable after a crash at any step.
   */
  remove(id: TenantId, discarded: number, queues?: readonly { readonly name: string; readonly messages: number }[]): Promise<void>
  /** What the last step of a deletion noted; undefined for a tenant that never was or still is. */
  tombstone(id: TenantId): Promise<Tombstone | undefined>
  /** Of deleted tenants, the last deleted first. */
  listTombstones(query: TombstoneQuery): Promise<TombstonePage>

  /** Every tenant's desired state. */
  desired(): Promise<readonly DesiredTenant[]>
  desiredOf(id: TenantId): Promise<DesiredTenant | undefined>
  /** Makes the tenant's partition exist. Idempotent. Errors: `partition.missing` when it cannot be made, however often it is tried. */
  ensurePartition(id: TenantId): Promise<void>
  /** Runs `work` while this node alone holds the tenant's deletion; returns undefined at once when another node holds it. */
  whileDeleting<T>(id: TenantId, work: () => Promise<T>): Promise<T | undefined>
}

/** A desired-state change somewhere: a hint, never the truth. */
export interface Hints {
  /** Tells the other nodes that a tenant's desired state changed. Best effort; never rejects. */
  announce(tenantId: TenantId): void
  /** Calls back for each hint of another node. Returns the unsubscriber. */
  subscribe(listener: (tenantId: TenantId) => void): () => void
}

/** What nodes say about the tenants they run, so that any node can answer for all. */
export interface Nodes {
  /** Makes this node known, replaces its reports and keeps its lease. */
  report(reports: readonly TenantReport[]): Promise<void>
  /** Forgets this node's report of these tenants. */
  forget(tenantIds: readonly TenantId[]): Promise<void>
  /** The reports of all nodes alive, this one included. */
  reportsOf(tenantIds: readonly TenantId[]): Promise<readonly (TenantReport & { readonly nodeId: string })[]>
  /** How many other nodes with workers are alive. */
  otherWorkers(): Promise<number>
  /** How many other nodes that serve the API are alive. */
  otherApiNodes(): Promise<number>
  /** The nodes that are alive, this one included once it has reported, in the order of their ids. */
  alive(): Promise<readonly { readonly node: string; readonly role: 'all' | 'api' | 'worker' }[]>
  /** Removes this node and its reports. Never rejects. */
  leave(): Promise<void>
}
