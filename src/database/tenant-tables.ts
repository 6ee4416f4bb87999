/** What the tenant role may do with which table. */

export type Privilege = 'select' | 'insert' | 'update' | 'delete'

/** `true` is every column. */
export type Grants = { readonly [P in Privilege]?: true | readonly string[] }

/**
 * Every table with rows of tenants, each under row-level security, and what requests need of it: no more. Where there is nothing,
 * only the service reads and writes.
 */
export const tenantTables: Readonly<Record<string, Grants>> = {
  tenants: {
    select: [
      'id',
      'name',
      'description',
      'status',
      'workers',
      'config',
      'version',
      'restart_generation',
      'deletion',
      'created_at',
      'updated_at',
    ],
    update: ['name', 'description', 'status', 'workers', 'config', 'version', 'restart_generation', 'deletion', 'updated_at'],
  },
  tenant_tombstones: { select: true },
  tenant_reports: {},
  messages: { select: true, update: ['status'] },
  failed_messages: {
    select: true,
    update: ['status', 'reason', 'first_attempt', 'next_retry_at', 'claim', 'updated_at', 'closed_at'],
  },
  scheduled_messages: { select: true, insert: true, delete: true },
  idempotency_keys: {
    select: true,
    insert: true,
    update: ['digest', 'ids', 'begun', 'published', 'leased_until', 'expires_at', 'created_at'],
  },
  users: {
    select: ['tenant_id', 'id', 'username', 'role', 'created_at', 'updated_at'],
    insert: true,
    update: ['role', 'password_hash', 'updated_at'],
    delete: true,
  },
  sessions: {},
  refresh_tokens: {},
  invitations: {
    select: ['tenant_id', 'id', 'role', 'username', 'invited_by', 'invited_by_id', 'created_at', 'expires_at'],
    insert: true,
    delete: true,
  },
  api_keys: {
    select: ['tenant_id', 'id', 'name', 'prefix', 'scopes', 'created_by', 'created_at', 'last_used_at', 'expires_at', 'replaced_at'],
    insert: true,
    update: ['expires_at', 'replaced_at'],
    delete: true,
  },
  audit_log: { select: true, insert: true },
  flight_records: { select: true },
  tenant_secrets: {
    select: ['tenant_id', 'name', 'created_at', 'updated_at'],
    insert: true,
    update: ['key_id', 'sealed', 'updated_at'],
    delete: true,
  },
}

/** The tables of the platform: nothing in them is for the tenant role. */
export const platformTables = ['admins', 'nodes', 'rate_limits', 'tenant_role', 'tenantry_migrations', 'tenantry_migrations_lock'] as const

/** `grant …` for one table, or for a partition in the place of its parent; empty when there is nothing to grant. */
export function toGrants(grants: Grants, table: string, role: string): string {
  const privileges = Object.entries(grants).map(([privilege, columns]) =>
    columns === true ? privilege : `${privilege} (${columns.join(', ')})`,
  )
  return privileges.length === 0 ? '' : `grant ${privileges.join(', ')} on ${table} to ${role};`
}

/** The same as a list of single privileges, `select`, `update (status)`, in order. */
export function toPrivileges(grants: Grants): readonly string[] {
  return Object.entries(grants)
    .flatMap(([privilege, columns]) => (columns === true ? [privilege] : columns.map((column: string) => `${privilege} (${column})`)))
    .sort()
}
