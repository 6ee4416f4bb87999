/** The schedule store port: accepted messages that are not due yet. */
import type { MessageId, TenantId } from '../ids.ts'
import type { OutboundMessage, Priority } from '../message.ts'

export interface ScheduledMessage {
  readonly id: MessageId
  readonly tenantId: TenantId
  readonly type: string
  readonly data: unknown
  readonly priority: Priority
  readonly key: string | null
  readonly createdAt: Date
  readonly scheduledAt: Date
}

export interface ScheduledQuery {
  readonly tenantId: TenantId
  readonly type?: string
  readonly since?: Date
  readonly until?: Date
  /** The last of the page before; the list is ordered by (scheduled_at, id), soonest first. */
  readonly after?: { readonly scheduledAtMicros: string; readonly id: MessageId }
  readonly limit: number
}

export interface ScheduledPage {
  readonly messages: readonly ScheduledMessage[]
  readonly next: { readonly scheduledAtMicros: string; readonly id: MessageId } | undefined
}

/** A due message in the hands of this node until its lease ends. */
export interface ClaimedSchedule {
  readonly claim: string
  readonly message: OutboundMessage
}

export interface ScheduleClaims {
  readonly claimed: readonly ClaimedSchedule[]
  readonly more: boolean
  /** Milliseconds until the next message is due; undefined when none waits. */
  readonly nextDueInMs: number | undefined
  /** For how many milliseconds the oldest that was due had been, taken or not; undefined when none was. */
  readonly oldestDueMs: number | undefined
}

/** Errors: AppError `database.unavailable`, `database.refused_row`. */
export interface ScheduleStore {
  /** Stores all or none. One whose (tenantId, id) is there already is left as it is. `readyAtMs` is when it is due. */
  schedule(messages: readonly OutboundMessage[]): Promise<void>
  list(query: ScheduledQuery): Promise<ScheduledPage>
  find(tenantId: TenantId, id: MessageId): Promise<ScheduledMessage | undefined>
  /** `releasing` when a node is putting it in the queue at this moment. */
  cancel(tenantId: TenantId, id: MessageId): Promise<'cancelled' | 'releasing' | 'absent'>
  /** Takes due messages of active and paused tenants, fairly among tenants, for this node alone. */
  claimDue(limit: number, leaseMs: number): Promise<ScheduleClaims>
  /** They are durable in their queue: forgotten here. */
  released(claims: readonly ClaimedSchedule[]): Promise<void>
  giveBack(claims: readonly ClaimedSchedule[], delayMs: number): Promise<void>
}
