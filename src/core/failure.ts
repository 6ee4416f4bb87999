/** What failed, how often, and what becomes of it. */
import type { MessageId, TenantId } from './ids.ts'
import type { Priority } from './message.ts'
import { redactText } from './redact.ts'
import type { RetryOrder } from './retry-policy.ts'

/**
 * | status             | means                                              | leaves by                                    |
 * | pending            | tried again at `nextRetryAt`                        | retried, discarded, permanently_failed       |
 * | retried            | in the tenant's queue again, or with a worker       | resolved, pending, permanently_failed        |
 * | resolved           | a later attempt has succeeded                       |                                              |
 * | permanently_failed | nobody tries it again, unless an operator asks      | pending (retry), discarded                   |
 * | discarded          | an operator has given it up                         |                                              |
 */
export const failedStatuses = ['pending', 'retried', 'resolved', 'permanently_failed', 'discarded'] as const
export type FailedStatus = (typeof failedStatuses)[number]

/** One run of a handler, or one attempt that was put off. */
export interface AttemptRecord {
  readonly attempt: number
  readonly startedAtMs: number
  readonly durationMs: number
  /** `failed`; `deferred` when the circuit of its destination was open and no handler ran. */
  readonly outcome: 'failed' | 'deferred'
  readonly errorClass: string
  readonly error: string
}

/** Why an attempt failed. */
export interface Failure {
  /** The name of the error, or one of the engine's: `Retry`, `Rejected`, `DeadlineExceeded`, `InvalidData`, `Undecodable` … */
  readonly errorClass: string
  /** Redacted, one line, capped. */
  readonly error: string
}

/** What is decided about a delivery. */
export type Settlement =
  | { readonly kind: 'processed' }
  /** Tried again at `dueAtMs`. `firstAttempt` is that of the next publication; `order` is the policy's. */
  | {
      readonly kind: 'retrying'
      readonly failure: Failure
      readonly dueAtMs: number
      readonly firstAttempt: number
      readonly order: RetryOrder
      readonly history: readonly AttemptRecord[]
    }
  /** Given up. `reason` says why there is no other attempt. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly reason: string; readonly history: readonly AttemptRecord[] }

export const processed: Settlement = { kind: 'processed' }

/** A failed message as the API shows it. */
export interface FailedMessage {
  readonly tenantId: TenantId
  /** The message's own id; for a delivery without one, an id of its own. */
  readonly id: MessageId
  /** null when the delivery had none. */
  readonly type: string | null
  readonly priority: Priority
  readonly key: string | null
  /** The bytes of the body as they came. */
  readonly body: Uint8Array
  readonly status: FailedStatus
  /** Attempts so far. */
  readonly attempts: number
  /** How often it was published again. */
  readonly retryCount: number
  readonly nextRetryAt: Date | null
  readonly errorClass: string
  readonly error: string
  /** The same for failures of the same kind: type, error class and message without its numbers and ids. */
  readonly fingerprint: string
  /** Why nobody tries it again; null while somebody does. */
  readonly reason: string | null
  /** Oldest first; the last `maxHistory`. */
  readonly history: readonly AttemptRecord[]
  readonly createdAt: Date
  readonly failedAt: Date
  readonly updatedAt: Date
  /** When it was resolved, given up or discarded. */
  readonly closedAt: Date | null
}

export const maxHistory = 50

const maxErrorLength = 2_000

/** A text that may be stored and shown: one line, no secret we know the form of, no NUL or lone surrogate, capped. */
export function toErrorText(text: string): string {
  // Cut before it is searched: a handler's message may be megabytes.
  return toStorable(redactText(text.slice(0, maxErrorLength * 2).replaceAll(/\s+/g, ' ')))
}

/** A text that PostgreSQL can hold: no NUL, no lone surrogate, 2,000 characters. */
export const toStorable = (text: string): string => text.replaceAll('\u0000', '\uFFFD').slice(0, maxErrorLength).toWellFormed()

/** What two failures of the same kind have in common: ids, numbers and quoted texts are left out. */
export function toErrorKind(error: string): string {
  return error
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '<id>')
    .replaceAll(/\b0x[0-9a-f]+\b|\b[0-9a-f]{16,}\b/gi, '<id>')
    .replaceAll(/"[^"]*"|'[^']*'/g, '<text>')
    .replaceAll(/\d+(\.\d+)?/g, '<n>')
    .slice(0, 300)
}
