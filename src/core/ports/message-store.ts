/** The message store port: the ledger writes recorded messages through it, the API reads them. */
import type { MessageId, TenantId } from '../ids.ts'
import type { Priority } from '../message.ts'

/** One message whose outcome is decided, ready to be written. */
export interface MessageRecord {
  readonly tenantId: TenantId
  readonly id: MessageId
  readonly type: string
  /** JSON text, stored unparsed by us; null when the database refuses it (a poison row). */
  readonly data: string | null
  readonly priority: Priority
  readonly key: string | null
  readonly status: 'processed' | 'failed'
  readonly attempts: number
  readonly error: string | null
  readonly createdAtMs: number
}

/** A stored message as the API shows it. */
export interface StoredMessage {
  readonly id: MessageId
  readonly tenantId: TenantId
  readonly type: string
  readonly data: unknown
  readonly priority: Priority
  readonly key: string | null
  readonly status: 'processed' | 'retrying' | 'failed'
  readonly attempts: number
  readonly error: string | null
  readonly createdAt: Date
  readonly processedAt: Date | null
}

/** A place in a list ordered by (created_at, id), newest first. `createdAtMicros` is epoch microseconds as text. */
export interface MessagePosition {
  readonly createdAtMicros: string
  readonly id: MessageId
}

export interface MessageQuery {
  /** undefined lists every tenant's messages: platform admins only. */
  readonly tenantId: TenantId | undefined
  readonly type?: string
  readonly status?: 'processed' | 'retrying' | 'failed'
  readonly since?: Date
  readonly until?: Date
  readonly after?: MessagePosition
  readonly limit: number
}

export interface MessagePage {
  readonly messages: readonly StoredMessage[]
  /** The position of the last message when there are more. */
  readonly next: MessagePosition | undefined
}

/**
 * Errors: AppError `database.unavailable` (retryable: nothing is known to be written), `database.refused_row` (the data
 * cannot be stored: some row of the call is at fault, nothing was written), `partition.missing` (a tenant of the call has
 * no partition, nothing was written).
 */
export interface MessageStore {
  /** Writes all records in one statement, or none. A record whose (tenantId, id) is already stored is left as it is. */
  record(records: readonly MessageRecord[]): Promise<void>
  /** The stored statuses of those of the given messages that have one. */
  statuses(
    keys: readonly { readonly tenantId: TenantId; readonly id: MessageId }[],
  ): Promise<ReadonlyMap<MessageId, 'processed' | 'failed'>>
  find(tenantId: TenantId, id: MessageId): Promise<StoredMessage | undefined>
  list(query: MessageQuery): Promise<MessagePage>
  /** Resolves when the database answers. */
  ping(): Promise<void>
}
