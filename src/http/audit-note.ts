/** What a route says about a change it has made; who, where and when are added for the audit log. */
import type { Doer } from '../core/identity.ts'
import type { TenantId } from '../core/ids.ts'

export interface AuditNote {
  /** The route's action when undefined. */
  readonly action?: string
  /** Such as `api_key/…`; the tenant itself when undefined. */
  readonly resource?: string
  /** Secrets in them are redacted before they are stored. */
  readonly before?: unknown
  readonly after?: unknown
  /** The tenant of the path, else the caller's, when undefined; null for what concerns the platform. */
  readonly tenantId?: TenantId | null
  /** The caller when undefined. */
  readonly doer?: Doer
}

/**
 * A failure that belongs in the audit log all the same: the change is stored although the tenant has not followed it yet, or
 * the attempt itself is worth a note.
 */
export class NotedFailure extends Error {
  override readonly name = 'NotedFailure'
  readonly note: AuditNote | Promise<AuditNote>

  /** `cause` is what the client is answered with. */
  constructor(cause: unknown, note: AuditNote | Promise<AuditNote>) {
    super('a failure that is noted', { cause })
    this.note = note
  }
}
