/** The tables, as Kysely sees them. `bigint` columns arrive as numbers: see type-parsers.ts. */
import type { ColumnType, Generated } from 'kysely'
import type { AttemptRecord, FailedStatus } from '../core/failure.ts'
import type { ApiKeyScope, Doer, TenantRole } from '../core/identity.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { Priority } from '../core/message.ts'
import type { ActorKind } from '../core/ports/inspection.ts'
import type { CircuitReport } from '../core/ports/tenant-store.ts'
import type { RetryOrder } from '../core/retry-policy.ts'
import type { Deletion, TenantStatus } from '../core/tenant.ts'
import type { ErasureNotes, StoredCertificate } from './erase-tenant.ts'

type Json<T> = ColumnType<T, string, string>
type Timestamp = ColumnType<Date, Date | undefined, Date>

export interface TenantsTable {
  readonly id: TenantId
  readonly name: string
  readonly description: string | null
  readonly status: TenantStatus
  readonly workers: number
  readonly config: Json<Readonly<Record<string, unknown>>>
  readonly version: Generated<number>
  readonly restart_generation: Generated<number>
  readonly deletion: ColumnType<Deletion | null, string | null, string | null>
  readonly erasure: ColumnType<ErasureNotes | null, string | null | undefined, string | null>
  readonly created_at: Timestamp
  readonly updated_at: Timestamp
}

export interface TombstonesTable {
  readonly tenant_id: TenantId
  readonly discarded: number
  readonly deleted_at: Timestamp
  readonly certificate: ColumnType<StoredCertificate | null, string | null, string | null>
}

export interface MessagesTable {
  readonly tenant_id: TenantId
  readonly id: MessageId
  readonly type: string
  readonly data: Json<unknown>
  readonly priority: Priority
  readonly key: string | null
  readonly status: 'processed' | 'retrying' | 'failed'
  readonly attempts: number
  readonly error: string | null
  readonly created_at: Timestamp
  readonly processed_at: ColumnType<Date | null, Date | null, Date | null>
}

export interface FailedMessagesTable {
  readonly tenant_id: TenantId
  readonly id: MessageId
  readonly type: string | null
  readonly priority: Priority
  readonly key: string | null
  readonly body: Buffer
  readonly status: FailedStatus
  readonly attempts: number
  readonly first_attempt: number
  readonly retry_order: RetryOrder
  readonly retry_count: number
  readonly next_retry_at: ColumnType<Date | null, Date | null, Date | null>
  readonly claim: string | null
  readonly error_class: string
  readonly error: string
  readonly fingerprint: string
  readonly reason: string | null
  readonly history: Json<readonly AttemptRecord[]>
  readonly trace: string | null
  readonly created_at: Timestamp
  readonly failed_at: Timestamp
  readonly updated_at: Timestamp
  readonly retried_at: ColumnType<Date | null, Date | null, Date | null>
  readonly closed_at: ColumnType<Date | null, Date | null, Date | null>
}

export interface NodesTable {
  readonly node_id: string
  readonly role: 'all' | 'api' | 'worker'
  readonly seen_at: Timestamp
}

export interface TenantReportsTable {
  readonly tenant_id: TenantId
  readonly node_id: string
  readonly state: string
  readonly current_workers: number
  readonly busy_workers: number
  readonly in_flight: number
  readonly reason: string | null
  readonly circuits: Json<readonly CircuitReport[]>
}

export interface AdminsTable {
  readonly id: Generated<string>
  readonly username: string
  readonly password_hash: string
  readonly applied_hash: string | null
  readonly created_at: Timestamp
  readonly updated_at: Timestamp
}

export interface ScheduledMessagesTable {
  readonly tenant_id: TenantId
  readonly id: MessageId
  readonly type: string
  readonly body: string
  readonly priority: Priority
  readonly key: string | null
  readonly created_at: Timestamp
  readonly scheduled_at: Timestamp
  readonly trace: string | null
}

export interface UsersTable {
  readonly tenant_id: TenantId
  readonly id: string
  readonly username: string
  readonly password_hash: string
  readonly role: TenantRole
  readonly created_at: Timestamp
  readonly updated_at: Timestamp
}

export interface SessionsTable {
  readonly id: string
  readonly tenant_id: TenantId | null
  readonly user_id: string | null
  readonly admin_id: string | null
  readonly created_at: Timestamp
  readonly last_used_at: Timestamp
  readonly expires_at: Timestamp
  readonly ended_at: ColumnType<Date | null, Date | null, Date | null>
  readonly address: string
  readonly user_agent: string | null
}

export interface InvitationsTable {
  readonly tenant_id: TenantId
  readonly id: string
  readonly hash: Buffer
  readonly role: TenantRole
  readonly username: string | null
  readonly invited_by: string | null
  readonly invited_by_id: string | null
  readonly created_at: Timestamp
  readonly expires_at: Timestamp
}

export interface ApiKeysTable {
  readonly tenant_id: TenantId
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly hash: Buffer
  readonly scopes: readonly ApiKeyScope[]
  readonly created_by: string | null
  readonly created_at: Timestamp
  readonly last_used_at: ColumnType<Date | null, Date | null, Date | null>
  readonly expires_at: ColumnType<Date | null, Date | null, Date | null>
  readonly replaced_at: ColumnType<Date | null, Date | null, Date | null>
}

export interface AuditLogTable {
  readonly id: string
  readonly at: Timestamp
  readonly tenant_id: TenantId | null
  readonly doer_kind: Doer['kind']
  readonly doer_id: string | null
  readonly doer_name: string | null
  readonly action: string
  readonly resource: string | null
  readonly address: string
  readonly request_id: string
  readonly before: Json<unknown>
  readonly after: Json<unknown>
}

export interface TenantSecretsTable {
  readonly tenant_id: TenantId
  readonly name: string
  readonly key_id: string
  readonly sealed: Buffer
  readonly created_at: Timestamp
  readonly updated_at: Timestamp
}

export interface FlightRecordsTable {
  readonly id: string
  readonly tenant_id: TenantId | null
  readonly node_id: string
  readonly actor_id: string
  readonly machine: ActorKind
  readonly reason: string
  readonly recorded_at: Timestamp
  readonly dump: string
}

export interface Schema {
  readonly tenants: TenantsTable
  readonly tenant_tombstones: TombstonesTable
  readonly messages: MessagesTable
  readonly failed_messages: FailedMessagesTable
  readonly nodes: NodesTable
  readonly tenant_reports: TenantReportsTable
  readonly scheduled_messages: ScheduledMessagesTable
  readonly admins: AdminsTable
  readonly users: UsersTable
  readonly sessions: SessionsTable
  readonly invitations: InvitationsTable
  readonly api_keys: ApiKeysTable
  readonly audit_log: AuditLogTable
  readonly tenant_secrets: TenantSecretsTable
  readonly flight_records: FlightRecordsTable
}
