/** What the HTTP layer may ask of authentication. */
import type { ApiKeyScope, TenantRole } from '../core/identity.ts'
import type { TenantId } from '../core/ids.ts'
import type { ApiKey, IdentityPage, IdentityQuery, Invitation, Session, User } from '../core/ports/identity-store.ts'
import type { Principal } from './principal.ts'

/** The headers that carry credentials. With both, `authorization` counts. */
export interface Credentials {
  readonly authorization?: string | undefined
  readonly apiKey?: string | undefined
}

/** Where a request comes from. */
export interface Client {
  readonly address: string
  readonly userAgent: string | null
}

/** What a login, a refresh or a registration gives: the only copies of both tokens. */
export interface Granted {
  readonly kind: 'granted'
  readonly principal: Principal
  readonly token: string
  readonly expiresInSeconds: number
  readonly refreshToken: string
}

export type LoginAnswer = Granted | { readonly kind: 'refused' } | { readonly kind: 'throttled'; readonly retryAfterMs: number }

/** `reused`: the token had been spent before, so somebody has a copy; the principal's session has been ended. */
export type RefreshAnswer = LoginAnswer | { readonly kind: 'reused'; readonly principal: Principal }

export interface LoginRequest {
  readonly username: string
  readonly password: string
  /** undefined for a platform admin. */
  readonly tenantId: TenantId | undefined
  readonly client: Client
}

/** Errors: AppError `database.unavailable`, and what each says. */
export interface Identity {
  /** undefined without valid credentials. Remembers for a few seconds what it has verified. */
  authenticate(credentials: Credentials): Promise<Principal | undefined>

  /** Unknown tenant, unknown user and wrong password get the same answer after the same work. */
  login(request: LoginRequest): Promise<LoginAnswer>
  /** The token is spent. One that had been spent before ends its session. */
  refresh(refreshToken: string, client: Client): Promise<RefreshAnswer>
  /** Ends the principal's own session; nothing for a principal without one. */
  logout(principal: Principal): Promise<void>
  /** Errors: `session.missing` for a principal without sessions. */
  sessions(principal: Principal): Promise<readonly Session[]>
  /** Errors: `session.missing`. */
  revokeSession(principal: Principal, id: string): Promise<void>
  /** Ends every other session of the user. Errors: `session.missing` for a principal without a password here. */
  changePassword(
    principal: Principal,
    current: string,
    next: string,
    client: Client,
  ): Promise<{ readonly kind: 'changed' | 'refused' } | { readonly kind: 'throttled'; readonly retryAfterMs: number }>
  /** Joins the inviting tenant. Errors: `registration.closed`, `invitation.invalid`, `user.name_taken`. */
  acceptInvitation(request: {
    readonly invitation: string
    readonly username: string
    readonly password: string
    readonly client: Client
  }): Promise<LoginAnswer>
  /** Makes a tenant and its owner. Errors: `registration.closed`, `tenant.name_taken`, those of `EngineApi.createTenant`. */
  registerTenant(request: {
    readonly tenantName: string
    readonly username: string
    readonly password: string
    readonly client: Client
  }): Promise<LoginAnswer>

  readonly users: {
    /** Without a password one is made; `generatedPassword` is its only copy. Errors: `user.name_taken`, `tenant.missing`. */
    create(
      tenantId: TenantId,
      user: { readonly username: string; readonly password: string | undefined; readonly role: TenantRole },
    ): Promise<{ readonly user: User; readonly generatedPassword: string | undefined }>
    list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<User>>
    /** Errors: `user.missing`. */
    find(tenantId: TenantId, id: string): Promise<User>
    /** A new password ends the user's sessions. Errors: `user.missing`, `user.last_owner`. */
    change(
      tenantId: TenantId,
      id: string,
      change: { readonly role?: TenantRole; readonly password?: string },
    ): Promise<{ readonly before: User; readonly after: User }>
    /** Errors: `user.missing`, `user.last_owner`. */
    remove(tenantId: TenantId, id: string): Promise<User>
  }

  readonly invitations: {
    /** `token` is its only copy. Errors: `tenant.missing`. */
    create(
      tenantId: TenantId,
      invitation: {
        readonly role: TenantRole
        readonly username: string | null
        readonly expiresInMs: number
        readonly invitedBy: Principal
      },
    ): Promise<{ readonly invitation: Invitation; readonly token: string }>
    list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<Invitation>>
    /** Errors: `invitation.missing`. */
    remove(tenantId: TenantId, id: string): Promise<Invitation>
  }

  readonly apiKeys: {
    /** `secret` is the whole key, and its only copy. Errors: `tenant.missing`. */
    create(
      tenantId: TenantId,
      key: {
        readonly name: string
        readonly scopes: readonly ApiKeyScope[]
        readonly expiresAt: Date | null
        readonly createdBy: Principal
      },
    ): Promise<{ readonly key: ApiKey; readonly secret: string }>
    list(tenantId: TenantId, query: IdentityQuery): Promise<IdentityPage<ApiKey>>
    /** The old key works for `overlapMs` more, and is never rotated again. Errors: `api_key.missing`, `api_key.rotated`. */
    rotate(
      tenantId: TenantId,
      id: string,
      overlapMs: number,
      by: Principal,
    ): Promise<{ readonly old: ApiKey; readonly key: ApiKey; readonly secret: string }>
    /** Errors: `api_key.missing`. */
    remove(tenantId: TenantId, id: string): Promise<ApiKey>
  }
}
