/** Builds authentication out of its stores and keys. */
import type { TenantId } from '../core/ids.ts'
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { ApiKeyStore, IdentityHints, InvitationStore, SessionStore, UserStore } from '../core/ports/identity-store.ts'
import { createApiKeys } from './api-keys.ts'
import { createAuthenticate } from './authenticate.ts'
import type { Identity } from './identity.ts'
import type { TokenKey } from './installation-keys.ts'
import { createInvitations } from './invitations.ts'
import { createLogin } from './login.ts'
import { createOidc, type OidcSettings } from './oidc.ts'
import { createChangePassword } from './own-password.ts'
import { createPasswordGate } from './password-gate.ts'
import { argon2Passwords, type Passwords } from './passwords.ts'
import { createRegistration, type RegistrationMode } from './registration.ts'
import { createSessions } from './sessions.ts'
import { createThrottle } from './throttle.ts'
import { createTokens } from './tokens.ts'
import { createUsers } from './users.ts'

export interface IdentityOptions {
  readonly admins: Pick<AuthStore, 'findAdmin' | 'replaceAdminPassword'>
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly invitations: InvitationStore
  readonly apiKeys: ApiKeyStore
  readonly hints: IdentityHints
  /** As `deriveKeys` gives them: the first signs. */
  readonly keys: readonly TokenKey[]
  readonly tenants: {
    /** False for one that is being deleted. */
    exists(id: TenantId): Promise<boolean>
    create(name: string): Promise<TenantId>
    remove(id: TenantId): Promise<void>
  }
  readonly settings: IdentitySettings
  readonly now?: () => number
  readonly passwords?: Passwords
}

/** As in the configuration under `auth`. */
export interface IdentitySettings {
  readonly tokenTtlSeconds: number
  readonly sessionTtlSeconds: number
  readonly registration: RegistrationMode
  readonly loginFailuresPerMinute: number
  readonly oidc: OidcSettings
}

/** Errors: AppError `config.invalid` for an issuer without an audience. */
export function createIdentity(options: IdentityOptions): Identity {
  const { admins, users, invitations, apiKeys, hints, keys, tenants, settings, now = Date.now, passwords = argon2Passwords } = options
  const tokens = createTokens({ keys, lifetimeSeconds: settings.tokenTtlSeconds })
  const oidc = createOidc({ settings: settings.oidc, tenantExists: (id) => tenants.exists(id), now })
  const sessions = createSessions({ store: options.sessions, hints, tokens, lifetimeMs: settings.sessionTtlSeconds * 1000 })
  const throttle = createThrottle({ failuresPerMinute: settings.loginFailuresPerMinute, now })
  const gate = createPasswordGate({ maxAtOnce: 16, maxWaiting: 16 })
  const guarded = { passwords, gate, throttle, sessions }

  return {
    authenticate: createAuthenticate({ tokens, sessions: options.sessions, apiKeys, oidc, hints, now }),
    login: createLogin({ ...guarded, admins, users }),
    refresh: (refreshToken, client) => sessions.refresh(refreshToken, client),
    logout: (principal) => sessions.logout(principal),
    sessions: (principal) => sessions.sessions(principal),
    revokeSession: (principal, id) => sessions.revokeSession(principal, id),
    changePassword: createChangePassword({ ...guarded, admins, users }),
    ...createRegistration({ ...guarded, mode: settings.registration, invitations, users, tenants }),
    users: createUsers({ store: users, sessions, hints, passwords, gate }),
    invitations: createInvitations(invitations),
    apiKeys: createApiKeys({ store: apiKeys, hints, now }),
  }
}
