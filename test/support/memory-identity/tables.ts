/** What the stores in memory share: their rows, a clock, and pages of them. */
import { AppError } from '../../../src/core/errors.ts'
import type { SessionOwner } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { StoredAuditEntry } from '../../../src/core/ports/audit-store.ts'
import type { Admin } from '../../../src/core/ports/auth-store.ts'
import type { ApiKey, IdentityPage, IdentityQuery, Invitation, Session, User } from '../../../src/core/ports/identity-store.ts'
import type { SealedSecret, SecretInfo } from '../../../src/core/ports/secret-store.ts'

/** A row and its place in lists: microseconds, unlike those of any other row. */
export type Placed<Item> = Item & { readonly micros: bigint }
export type UserRow = Placed<User & { readonly passwordHash: string }>
export type InvitationRow = Placed<Invitation & { readonly hash: Buffer; readonly invitedById: string | null }>
export type ApiKeyRow = Placed<ApiKey & { readonly hash: Buffer }>
export type SessionRow = Placed<Session & { readonly owner: SessionOwner; readonly endedAt: Date | null }>
export interface TokenRow {
  readonly sessionId: string
  readonly expiresAt: Date
  readonly isSpent: boolean
}
export type SecretRow = SecretInfo & SealedSecret & { readonly tenantId: TenantId }

export interface MemoryTables {
  readonly tenants: Map<TenantId, 'alive' | 'deleting'>
  readonly admins: Map<string, Admin>
  readonly users: Map<string, UserRow>
  readonly sessions: Map<string, SessionRow>
  /** By the hash as hex. */
  readonly tokens: Map<string, TokenRow>
  readonly invitations: Map<string, InvitationRow>
  readonly apiKeys: Map<string, ApiKeyRow>
  readonly secrets: Map<string, SecretRow>
  readonly audit: Placed<StoredAuditEntry>[]
  nowMs(): number
  nextMicros(): bigint
  /** Errors: `tenant.missing`. */
  requireTenant(id: TenantId): void
  removeSession(id: string): void
  removeUser(id: string): void
  removeInvitationsOf(userId: string): void
  removeAdmin(id: string): void
  removeTenant(id: TenantId): void
}

export function createMemoryTables(now: () => number): MemoryTables {
  let lastMicros = 0n
  const tables: MemoryTables = {
    tenants: new Map(),
    admins: new Map(),
    users: new Map(),
    sessions: new Map(),
    tokens: new Map(),
    invitations: new Map(),
    apiKeys: new Map(),
    secrets: new Map(),
    audit: [],
    nowMs: now,
    nextMicros() {
      const micros = BigInt(now()) * 1_000n
      lastMicros = micros > lastMicros ? micros : lastMicros + 1n
      return lastMicros
    },
    requireTenant(id) {
      if (tables.tenants.get(id) !== 'alive') throw new AppError('tenant.missing', 'there is no such tenant', { scope: 'tenant' })
    },
    removeSession(id) {
      tables.sessions.delete(id)
      for (const [hash, token] of tables.tokens) if (token.sessionId === id) tables.tokens.delete(hash)
    },
    removeUser(id) {
      tables.users.delete(id)
      tables.removeInvitationsOf(id)
      for (const { id: sessionId, owner } of tables.sessions.values())
        if (owner.kind === 'tenant_user' && owner.userId === id) tables.removeSession(sessionId)
    },
    removeInvitationsOf(userId) {
      for (const [key, { invitedById }] of tables.invitations) if (invitedById === userId) tables.invitations.delete(key)
    },
    removeAdmin(id) {
      tables.admins.delete(id)
      for (const { id: sessionId, owner } of tables.sessions.values())
        if (owner.kind === 'admin' && owner.adminId === id) tables.removeSession(sessionId)
    },
    removeTenant(id) {
      tables.tenants.delete(id)
      for (const user of tables.users.values()) if (user.tenantId === id) tables.removeUser(user.id)
      for (const rows of [tables.invitations, tables.apiKeys, tables.secrets])
        for (const [key, row] of rows) if (row.tenantId === id) rows.delete(key)
    },
  }
  return tables
}

export function pageOf<Row extends { readonly id: string; readonly micros: bigint }, Item>(
  rows: readonly Row[],
  { after, limit }: IdentityQuery,
  toItem: (row: Row) => Item,
): IdentityPage<Item> {
  const later = rows
    .toSorted((a, b) => (a.micros === b.micros ? (a.id < b.id ? 1 : -1) : a.micros < b.micros ? 1 : -1))
    .filter((row) => after === undefined || isAfter(row, BigInt(after.createdAtMicros), after.id))
  const page = later.slice(0, limit)
  const last = page.at(-1)
  const next = later.length > limit && last !== undefined ? { createdAtMicros: String(last.micros), id: last.id } : undefined
  return { items: page.map(toItem), next }
}

const isAfter = (row: { readonly id: string; readonly micros: bigint }, micros: bigint, id: string): boolean =>
  row.micros === micros ? row.id < id : row.micros < micros
