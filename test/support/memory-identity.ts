/** The identity stores in memory, for tests: the same promises as those on PostgreSQL, and one suite runs on both. */
import type { TenantId } from '../../src/core/ids.ts'
import type { AuditStore } from '../../src/core/ports/audit-store.ts'
import type { AuthStore } from '../../src/core/ports/auth-store.ts'
import type { ApiKeyStore, IdentityHints, InvitationStore, SessionStore, UserStore } from '../../src/core/ports/identity-store.ts'
import type { SecretStore } from '../../src/core/ports/secret-store.ts'
import { createMemoryApiKeys } from './memory-identity/api-keys.ts'
import { createMemoryAudit } from './memory-identity/audit.ts'
import { createMemoryAuth } from './memory-identity/auth.ts'
import { createMemoryHints } from './memory-identity/hints.ts'
import { createMemoryInvitations } from './memory-identity/invitations.ts'
import { createMemorySecrets } from './memory-identity/secrets.ts'
import { createMemorySessions } from './memory-identity/sessions.ts'
import { createMemoryTables } from './memory-identity/tables.ts'
import { createMemoryUsers } from './memory-identity/users.ts'

export interface MemoryIdentityStores {
  readonly auth: AuthStore
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly invitations: InvitationStore
  readonly apiKeys: ApiKeyStore
  readonly audit: AuditStore
  readonly secrets: SecretStore
  readonly hints: IdentityHints
  addTenant(id: TenantId): void
  /** The tenant is being deleted: its rows are there, and count as absent where a tenant that deletes does. */
  beginDeletion(id: TenantId): void
  /** With all that belongs to it; its audit entries stay. */
  removeTenant(id: TenantId): void
  /** For sessions of an admin who has no password here. */
  addAdmin(admin: { readonly id: string; readonly username: string }): void
  /** With their sessions. */
  removeAdmin(id: string): void
}

/** `now` in epoch milliseconds, for tests in which something expires. */
export function createMemoryIdentityStores({ now = Date.now }: { readonly now?: () => number } = {}): MemoryIdentityStores {
  const tables = createMemoryTables(now)
  return {
    auth: createMemoryAuth(tables),
    users: createMemoryUsers(tables),
    sessions: createMemorySessions(tables),
    invitations: createMemoryInvitations(tables),
    apiKeys: createMemoryApiKeys(tables),
    audit: createMemoryAudit(tables),
    secrets: createMemorySecrets(tables),
    hints: createMemoryHints(),
    addTenant: (id) => void tables.tenants.set(id, 'alive'),
    beginDeletion: (id) => void tables.tenants.set(id, 'deleting'),
    removeTenant: (id) => tables.removeTenant(id),
    addAdmin: ({ id, username }) => void tables.admins.set(id, { id, username, passwordHash: '', appliedHash: null }),
    removeAdmin: (id) => tables.removeAdmin(id),
  }
}
