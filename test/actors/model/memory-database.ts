/** The tables of an installation, in memory. What the stores do to them in one call is one transaction. */
import type { AttemptRecord, FailedStatus, Failure } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage, Priority } from '../../../src/core/message.ts'
import type { RecordedStatus } from '../../../src/core/ports/message-store.ts'
import type { RetryOrder } from '../../../src/core/retry-policy.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import type { Link } from './link.ts'

export interface FailedRow {
  readonly tenantId: TenantId
  readonly id: MessageId
  type: string | null
  readonly priority: Priority
  readonly key: string | null
  readonly body: string
  readonly createdAtMs: number
  status: FailedStatus
  attempts: number
  firstAttempt: number
  order: RetryOrder
  nextRetryAtMs: number
  retriedAtMs: number
  claim: string | undefined
  failure: Failure
  reason: string | null
  history: readonly AttemptRecord[]
}

export interface ScheduleRow {
  readonly message: OutboundMessage
  releaseAtMs: number
  claim: string | undefined
}

export interface MemoryDatabase {
  readonly tenants: Map<TenantId, DesiredTenant>
  /** The partitions: the messages of each tenant that has one. */
  readonly messages: Map<TenantId, Map<MessageId, RecordedStatus>>
  /** Kept by tenant, as everything below. */
  readonly failed: Map<TenantId, Map<MessageId, FailedRow>>
  readonly schedules: Map<TenantId, Map<MessageId, ScheduleRow>>
  readonly removed: Set<TenantId>
  /** Which node recorded a message last, and when; undefined where a failed message was changed instead. */
  readonly recordings: Map<MessageId, { readonly by: Link | undefined; readonly atMs: number }>
  /** Who holds a tenant's deletion. */
  readonly deletions: Map<TenantId, Link>
}

export const createMemoryDatabase = (): MemoryDatabase => ({
  tenants: new Map(),
  messages: new Map(),
  failed: new Map(),
  schedules: new Map(),
  removed: new Set(),
  recordings: new Map(),
  deletions: new Map(),
})

/** The rows of a tenant; made when there are none. */
export function rowsOf<Row>(table: Map<TenantId, Map<MessageId, Row>>, tenantId: TenantId): Map<MessageId, Row> {
  const known = table.get(tenantId)
  if (known) return known
  const made = new Map<MessageId, Row>()
  table.set(tenantId, made)
  return made
}
