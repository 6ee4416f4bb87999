/** Exchanges a username and a password for a session. */
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { UserStore } from '../core/ports/identity-store.ts'
import type { Identity } from './identity.ts'
import type { PasswordGate } from './password-gate.ts'
import type { Passwords } from './passwords.ts'
import type { Person, Sessions } from './sessions.ts'
import { attemptAtGate, type Throttle } from './throttle.ts'

export interface LoginOptions {
  readonly admins: Pick<AuthStore, 'findAdmin'>
  readonly users: Pick<UserStore, 'findForLogin'>
  readonly sessions: Pick<Sessions, 'begin'>
  readonly passwords: Pick<Passwords, 'check'>
  readonly gate: PasswordGate
  readonly throttle: Throttle
}

/** An unknown tenant, an unknown user and a wrong password get the same answer after the same work. */
export function createLogin({ admins, users, sessions, passwords, gate, throttle }: LoginOptions): Identity['login'] {
  const find = async (tenantId: TenantId | undefined, username: string): Promise<{ person: Person; passwordHash: string } | undefined> => {
    if (tenantId === undefined) {
      const admin = await admins.findAdmin(username)
      return admin && { person: { kind: 'admin', id: admin.id, username: admin.username }, passwordHash: admin.passwordHash }
    }
    const user = await users.findForLogin(tenantId, username)
    if (!user) return undefined
    const { id, role, passwordHash } = user
    return { person: { kind: 'tenant_user', id, username: user.username, tenantId, role }, passwordHash }
  }

  return ({ username, password, tenantId, client }) =>
    attemptAtGate(
      { throttle, gate },
      { address: client.address, what: 'login', account: accountOf(tenantId, username) },
      async (attempt) => {
        const found = await find(tenantId, username)
        const matches = await passwords.check(found?.passwordHash, password)
        if (!found || !matches) return { kind: 'refused' }
        try {
          const granted = await sessions.begin(found.person, client, found.passwordHash)
          attempt.succeeded()
          return granted
        } catch (error) {
          // The user or the tenant was removed, or the password changed, while it was checked.
          if (error instanceof AppError && error.code === 'tenant.missing') return { kind: 'refused' }
          throw error
        }
      },
    )
}

/** By what the failures of an account are counted. */
export const accountOf = (tenantId: TenantId | undefined, username: string): string => `${tenantId ?? 'platform'} ${username}`
