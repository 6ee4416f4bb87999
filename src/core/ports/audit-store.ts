/** The audit store port: who did what to which tenant, from where, when. Rows are added and never changed. */
import type { Doer } from '../identity.ts'
import type { TenantId } from '../ids.ts'

export interface AuditEntry {
  /** null for what concerns the platform. */
  readonly tenantId: TenantId | null
  readonly doer: Doer
  /** As in docs/security.md: `tenant.change_config`, `session.login_refused` … */
  readonly action: string
  /** What it was done to, such as `api_key/…`; null for the tenant itself. */
  readonly resource: string | null
  readonly address: string
  readonly requestId: string
  /** Without secrets: see `redactSecrets`. */
  readonly before: unknown
  readonly after: unknown
}

export interface StoredAuditEntry extends AuditEntry {
  readonly id: string
  readonly at: Date
}

export interface AuditQuery {
  /** undefined lists the platform's and every tenant's: platform admins only. */
  readonly tenantId: TenantId | undefined
  readonly action?: string
  /** An actor's id or name. */
  readonly doer?: string
  readonly resource?: string
  readonly since?: Date
  readonly until?: Date
  /** The list is ordered by (at, id), newest first. */
  readonly after?: { readonly createdAtMicros: string; readonly id: string }
  readonly limit: number
}

export interface AuditPage {
  readonly entries: readonly StoredAuditEntry[]
  readonly next: { readonly createdAtMicros: string; readonly id: string } | undefined
}

/** Errors: AppError `database.unavailable`. */
export interface AuditStore {
  /** Nothing is added for a tenant that is not there (any more). */
  add(entry: AuditEntry): Promise<void>
  list(query: AuditQuery): Promise<AuditPage>
}
