/** How sessions are read from their rows. */
import type { TenantRole } from '../../core/identity.ts'
import type { TenantId } from '../../core/ids.ts'
import type { Session, SessionState } from '../../core/ports/identity-store.ts'

export interface SessionRow {
  readonly id: string
  readonly created_at: Date
  readonly last_used_at: Date
  readonly expires_at: Date
  readonly address: string
  readonly user_agent: string | null
}

export interface SessionStateRow {
  readonly id: string
  readonly expires_at: Date
  readonly username: string
  readonly tenant_id: TenantId | null
  readonly user_id: string | null
  readonly admin_id: string | null
  readonly role: TenantRole | null
}

/** Of a session `s`, from `stateSources`. */
export const stateColumns = 's.id, s.expires_at, s.tenant_id, s.user_id, s.admin_id, coalesce(u.username, a.username) as username, u.role'

/** Joins whose it is to a session `s`, and leaves out those whose owner or tenant has gone or is being deleted. */
export const stateSources = `
left join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
left join tenants t on t.id = s.tenant_id
left join admins a on a.id = s.admin_id
where (a.id is not null or (u.id is not null and t.status <> 'deleting'))`

export function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    address: row.address,
    userAgent: row.user_agent,
  }
}

export function toSessionState(row: SessionStateRow): SessionState {
  const { id, expires_at: expiresAt, username, tenant_id: tenantId, user_id: userId, admin_id: adminId, role } = row
  if (tenantId !== null && userId !== null && role !== null) {
    return { id, expiresAt, username, owner: { kind: 'tenant_user', tenantId, userId }, role }
  }
  return { id, expiresAt, username, owner: { kind: 'admin', adminId: adminId ?? '' } }
}
