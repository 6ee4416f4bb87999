/** The failure store port: failed messages, from their first failure to their end. */
import type { FailedMessage, FailedStatus } from '../failure.ts'
import type { MessageId, TenantId } from '../ids.ts'
import type { OutboundMessage } from '../message.ts'
import type { DeadLetter } from './broker.ts'

export interface FailedQuery extends FailedFilter {
  readonly tenantId: TenantId
  readonly after?: FailedPosition
  readonly limit: number
}

/** Which failed messages are meant: all conditions together. `ids` names them one by one. */
export interface FailedFilter {
  readonly ids?: readonly MessageId[]
  readonly statuses?: readonly FailedStatus[]
  readonly type?: string
  /** Part of the error's class or message, case-insensitive. */
  readonly error?: string
  readonly fingerprint?: string
  /** Only those that could be published again. */
  readonly isPublishable?: true
  /** By the time of the last failure. */
  readonly since?: Date
  readonly until?: Date
}

/** A place in a list ordered by (created_at, id), newest message first: what fails again keeps its place. `createdAtMicros` is epoch microseconds as text. */
export interface FailedPosition {
  readonly createdAtMicros: string
  readonly id: MessageId
}

export interface FailedPage {
  readonly failed: readonly FailedMessage[]
  readonly next: FailedPosition | undefined
}

export interface FailedStats {
  readonly byStatus: Readonly<Record<FailedStatus, number>>
  /** The most frequent kinds of failure among those that are not resolved or discarded, at most 20. */
  readonly kinds: readonly {
    readonly fingerprint: string
    readonly type: string | null
    readonly errorClass: string
    /** One example. */
    readonly error: string
    /** Whose the example is. */
    readonly tenantId: TenantId
    readonly count: number
    readonly lastFailedAt: Date
  }[]
  readonly nextRetryAt: Date | null
}

/** What waits for another attempt. */
export interface PendingRetries {
  readonly count: number
  /** null when none waits. */
  readonly nextRetryAt: Date | null
}

/** A due message in the hands of this node until its lease ends; then it is due again. */
export interface ClaimedRetry {
  readonly claim: string
  readonly failed: FailedMessage
  /** What to publish: the next attempt. */
  readonly message: OutboundMessage
}

export interface RetryClaims {
  readonly claimed: readonly ClaimedRetry[]
  /** True when a tenant has more due messages than may be in its queue now, or than were asked for. */
  readonly more: boolean
  /** Milliseconds until the next message is due; undefined when none waits. */
  readonly nextDueInMs: number | undefined
  /** For how many milliseconds the oldest that was due had been, taken or not, of the active tenants; undefined when none was. */
  readonly oldestDueMs: number | undefined
}

export interface ClaimOptions {
  readonly limit: number
  /** How many retried messages of one tenant may be in its queue at once. */
  readonly maxInQueue: number
  readonly leaseMs: number
}

/** Errors: AppError `database.unavailable`. */
export interface FailureStore {
  list(query: FailedQuery): Promise<FailedPage>
  find(tenantId: TenantId, id: MessageId): Promise<FailedMessage | undefined>
  stats(tenantId: TenantId | undefined): Promise<FailedStats>
  pending(tenantId: TenantId): Promise<PendingRetries>
  count(tenantId: TenantId, filter: FailedFilter): Promise<number>
  /**
   * Makes matching messages that are pending or permanently failed due now; the policy begins to count anew for the latter.
   * Others, and those that nobody could publish (no type, no id), are left. Returns how many. In batches, each whole or not at all.
   */
  retry(tenantId: TenantId, filter: FailedFilter): Promise<number>
  /** Gives up matching messages that are pending or permanently failed. Others are left. Returns how many. */
  discard(tenantId: TenantId, filter: FailedFilter): Promise<number>

  /**
   * Takes due messages of active and paused tenants, fairly among tenants, for this node alone. Of one tenant those whose policy
   * says `latest` come first, the newest message first; then the others, the longest due first.
   */
  claimDue(options: ClaimOptions): Promise<RetryClaims>
  /** They are durable in their queue: pending → retried, unless something else has happened to them meanwhile. */
  republished(claims: readonly ClaimedRetry[]): Promise<void>
  /** They could not be published: due again after `delayMs`. */
  giveBack(claims: readonly ClaimedRetry[], delayMs: number): Promise<void>
  /** The handler wants no other attempt: permanently failed. */
  giveUp(claim: ClaimedRetry, reason: string): Promise<void>
  /** Retried at least `olderThanMs` ago and still without an outcome: their tenants. */
  overdue(olderThanMs: number): Promise<readonly TenantId[]>
  /** The queue does not hold them any more: retried before `olderThanMs` ago → pending, due now. Returns how many. */
  recover(tenantId: TenantId, olderThanMs: number): Promise<number>

  /** Stores what the broker has put aside, with its message when it has one, as permanently failed. Idempotent as far as the letter can be recognized. */
  recordDeadLetter(letter: DeadLetter): Promise<void>
}
