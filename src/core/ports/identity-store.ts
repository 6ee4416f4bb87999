/** The identity store ports: users, sessions, invitations and API keys. Of a token only its SHA-256 is ever stored. */
import type { ApiKeyScope, SessionOwner, TenantRole } from '../identity.ts'
import type { TenantId } from '../ids.ts'

/** SHA-256 of a token, 32 bytes. */
export type TokenHash = Buffer

export interface User {
  readonly id: string
  readonly tenantId: TenantId
  readonly username: string
  readonly role: TenantRole
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** A place in a list ordered by (created_at, id), newest first. `createdAtMicros` is epoch microseconds as text. */
export interface IdentityPosition {
  readonly createdAtMicros: string
  readonly id: string
}

export interface IdentityQuery {
  readonly after?: IdentityPosition
  readonly limit: number
}

export interface IdentityPage<Item> {
  readonly items: readonly Item[]
  readonly next: IdentityPosition | undefined
}

export interface NewUser {
  readonly id: string
  readonly tenantId: TenantId
  readonly username: string
  readonly passwordHash: string
  readonly role: TenantRole
}

/** Errors: AppError `database.unavailable`, `tenant.missing` (there is no such tenant, or it is being deleted), `user.name_taken`, `user.last_owner`. */
export interface UserStore {
  create(user: NewUser): Promise<User>
  list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<User>>
  find(tenantId: TenantId, id: string): Promise<User | undefined>
  /** For a login, before anybody is known: not limited to a request's tenant. */
  findForLogin(tenantId: TenantId, username: string): Promise<(User & { readonly passwordHash: string }) | undefined>
  /** The same by id, for a change of the own password. */
  passwordHashOf(tenantId: TenantId, id: string): Promise<string | undefined>
  /** Returns false, and changes nothing, unless `verifiedHash` is still that of the user's password. Not limited to a request's tenant. */
  replacePassword(tenantId: TenantId, id: string, verifiedHash: string, passwordHash: string): Promise<boolean>
  /**
   * undefined when there is no such user. The last owner of a tenant that has one stays an owner (`user.last_owner`). The invitations
   * of one who is no owner any more are gone.
   */
  change(
    tenantId: TenantId,
    id: string,
    change: { readonly role?: TenantRole; readonly passwordHash?: string },
  ): Promise<{ readonly before: User; readonly after: User } | undefined>
  /** With the user's sessions and the invitations they have made. undefined when there is no such user; `user.last_owner` as above. */
  remove(tenantId: TenantId, id: string): Promise<User | undefined>
}

export interface NewSession {
  readonly id: string
  readonly owner: SessionOwner
  /** Of the password that was checked for it. */
  readonly verifiedHash: string
  readonly refreshHash: TokenHash
  readonly lifetimeMs: number
  readonly address: string
  readonly userAgent: string | null
}

export interface Session {
  readonly id: string
  readonly createdAt: Date
  /** Its login or its last refresh. */
  readonly lastUsedAt: Date
  readonly expiresAt: Date
  /** Of the login, or of the last refresh. */
  readonly address: string
  readonly userAgent: string | null
}

/** A session that is alive, with what its user is now. */
export type SessionState = { readonly id: string; readonly expiresAt: Date; readonly username: string } & (
  | { readonly owner: Extract<SessionOwner, { kind: 'admin' }> }
  | { readonly owner: Extract<SessionOwner, { kind: 'tenant_user' }>; readonly role: TenantRole }
)

export type Rotation =
  | { readonly kind: 'rotated'; readonly session: SessionState }
  /** The token had been spent before: somebody has a copy. The session has been ended. */
  | { readonly kind: 'reused'; readonly session: SessionState }
  | { readonly kind: 'unknown' }

/** Not limited to a request's tenant: they are asked before it is known. Errors: AppError `database.unavailable`. */
export interface SessionStore {
  /**
   * The owner's password is still the one that was checked, or is changed only after the session is there to be revoked. Ends what is
   * beyond `maxSessions`: those that were over already, then the oldest. Returns the ids that ended.
   *
   * Errors: AppError `tenant.missing` when the owner has gone, or has another password.
   */
  create(session: NewSession): Promise<readonly string[]>
  /**
   * Spends a refresh token and puts the next in its place, at once or not at all; of several at once one wins and the others have
   * reused it. One that was spent before the `maxSpentTokens` latest is unknown.
   */
  rotate(spent: TokenHash, next: TokenHash, lifetimeMs: number, from: Pick<NewSession, 'address' | 'userAgent'>): Promise<Rotation>
  /** undefined when it was revoked, has expired, or its user or tenant has gone or is being deleted. */
  state(id: string): Promise<SessionState | undefined>
  /** Those alive, newest first; at most 200. */
  listOf(owner: SessionOwner): Promise<readonly Session[]>
  /** False when the owner has no such session alive. */
  revoke(owner: SessionOwner, id: string): Promise<boolean>
  /** All but one. Returns the ids that ended. */
  revokeAll(owner: SessionOwner, exceptId?: string): Promise<readonly string[]>
  /** Removes what has expired, with the hashes of spent tokens. Returns how many sessions. */
  removeExpired(limit: number): Promise<number>
}

export interface Invitation {
  readonly id: string
  readonly tenantId: TenantId
  readonly role: TenantRole
  /** Who alone may use it; null for anybody who has the token. */
  readonly username: string | null
  readonly invitedBy: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface NewInvitation {
  readonly id: string
  readonly tenantId: TenantId
  readonly hash: TokenHash
  readonly role: TenantRole
  readonly username: string | null
  readonly invitedBy: string | null
  /** The owner of the tenant who invites: without them the invitation is gone. null for an inviter who is no user here. */
  readonly invitedById: string | null
  readonly lifetimeMs: number
}

/** Errors: AppError `database.unavailable`, `tenant.missing`. */
export interface InvitationStore {
  /** `tenant.missing` also when the inviter is no owner of the tenant any more. */
  create(invitation: NewInvitation): Promise<Invitation>
  /** Those that can still be used. */
  list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<Invitation>>
  remove(tenantId: TenantId, id: string): Promise<Invitation | undefined>
  /**
   * Makes the user and uses the invitation up, both or neither; of several at once one wins. Not limited to a request's tenant.
   * Errors also: `invitation.invalid` (unknown, used, expired, or for another username), `user.name_taken`.
   */
  accept(hash: TokenHash, user: { readonly id: string; readonly username: string; readonly passwordHash: string }): Promise<User>
}

export interface ApiKey {
  readonly id: string
  readonly tenantId: TenantId
  readonly name: string
  /** The beginning of the key, by which people recognize it. */
  readonly prefix: string
  readonly scopes: readonly ApiKeyScope[]
  readonly createdBy: string | null
  readonly createdAt: Date
  /** To the minute. */
  readonly lastUsedAt: Date | null
  readonly expiresAt: Date | null
  /** When another took its place. */
  readonly replacedAt: Date | null
}

export interface NewApiKey {
  readonly id: string
  readonly tenantId: TenantId
  readonly name: string
  readonly prefix: string
  readonly hash: TokenHash
  readonly scopes: readonly ApiKeyScope[]
  readonly createdBy: string | null
  readonly expiresAt: Date | null
}

/** Errors: AppError `database.unavailable`, `tenant.missing`. */
export interface ApiKeyStore {
  create(key: NewApiKey): Promise<ApiKey>
  /** Those that have not expired. */
  list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<ApiKey>>
  find(tenantId: TenantId, id: string): Promise<ApiKey | undefined>
  /**
   * Puts `next` in the place of the key, which expires after `overlapMs` at the latest; both or neither. undefined when there is no such
   * key alive, or another has its place already.
   */
  rotate(
    tenantId: TenantId,
    id: string,
    next: NewApiKey,
    overlapMs: number,
  ): Promise<{ readonly old: ApiKey; readonly next: ApiKey } | undefined>
  remove(tenantId: TenantId, id: string): Promise<ApiKey | undefined>
  /** A key that is alive, of a tenant that is not being deleted. Not limited to a request's tenant. */
  findByHash(hash: TokenHash): Promise<ApiKey | undefined>
  /** Notes that it was used now. Not limited to a request's tenant. */
  touch(id: string): Promise<void>
}

/** What is remembered of this is no longer so. */
export interface IdentityChange {
  readonly of: 'session' | 'api_key' | 'user' | 'tenant'
  readonly id: string
}

/** Tells all nodes to forget what they remember. A hint: without it, it is forgotten a few seconds later. */
export interface IdentityHints {
  /** Best effort; never rejects. This node's own listeners hear it too, before it returns. */
  announce(change: IdentityChange): void
  subscribe(listener: (change: IdentityChange) => void): () => void
}
