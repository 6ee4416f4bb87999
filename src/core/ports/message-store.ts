/** The message store port: the ledger writes recorded messages through it, the API reads them. */
import type { Settlement } from '../failure.ts'
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
  readonly attempt: number
  readonly createdAtMs: number
  readonly settlement: Settlement
  /** What a failed message keeps for its next attempt; see Delivery. */
  readonly trace?: string | undefined
  /** The body as it came, for the row of a failed message: kept as bytes, so that the database cannot refuse it. */
  readonly body: () => Uint8Array | string
}

/** What is recorded about a message: `retrying` counts for the attempts up to the one named. */
export interface RecordedStatus {
  readonly status: 'processed' | 'retrying' | 'failed'
  readonly attempts: number
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
  /**
   * Writes all records in one statement, or none: the message, and with a failure its failed message. A record takes effect
   * when the message is new, or is `retrying` after an earlier attempt; any other has been recorded already and changes
   * nothing. One that was tried again and is processed now resolves its failed message.
   */
  record(records: readonly MessageRecord[]): Promise<void>
  /** What is recorded about those of the given messages that have a row. */
  statuses(keys: readonly { readonly tenantId: TenantId; readonly id: MessageId }[]): Promise<ReadonlyMap<MessageId, RecordedStatus>>
  find(tenantId: TenantId, id: MessageId): Promise<StoredMessage | undefined>
  list(query: MessageQuery): Promise<MessagePage>
  /** Resolves when the database answers. */
  ping(): Promise<void>
}
