/** Lets somebody change their own password. */
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { UserStore } from '../core/ports/identity-store.ts'
import { afterStored } from '../core/stored-change.ts'
import type { Identity } from './identity.ts'
import { accountOf } from './login.ts'
import type { PasswordGate } from './password-gate.ts'
import type { Passwords } from './passwords.ts'
import type { AdminPrincipal, TenantUserPrincipal } from './principal.ts'
import { ownSession, type Sessions } from './sessions.ts'
import { attemptAtGate, type Throttle } from './throttle.ts'

export interface OwnPasswordOptions {
  readonly admins: Pick<AuthStore, 'findAdmin' | 'replaceAdminPassword'>
  readonly users: Pick<UserStore, 'passwordHashOf' | 'replacePassword'>
  readonly sessions: Pick<Sessions, 'endAll'>
  readonly passwords: Passwords
  readonly gate: PasswordGate
  readonly throttle: Throttle
}

/** Guesses of the current password count as failed logins, so that a stolen session is no way around the throttle. */
export function createChangePassword(options: OwnPasswordOptions): Identity['changePassword'] {
  const { admins, users, sessions, passwords, gate, throttle } = options

  const currentHash = async (person: AdminPrincipal | TenantUserPrincipal): Promise<string | undefined> => {
    if (person.kind === 'tenant_user') return users.passwordHashOf(person.tenantId, person.id)
    return (await admins.findAdmin(person.username))?.passwordHash
  }
  const replace = (person: AdminPrincipal | TenantUserPrincipal, verifiedHash: string, passwordHash: string): Promise<boolean> => {
    if (person.kind === 'admin') return admins.replaceAdminPassword(person.username, verifiedHash, passwordHash)
    return users.replacePassword(person.tenantId, person.id, verifiedHash, passwordHash)
  }

  return async (principal, current, next, { address }) => {
    const { person, owner, id } = ownSession(principal)
    const account = accountOf(person.kind === 'admin' ? undefined : person.tenantId, person.username)
    return attemptAtGate({ throttle, gate }, { address, what: 'login', account }, async (attempt) => {
      const verifiedHash = await currentHash(person)
      if (!(await passwords.check(verifiedHash, current)) || verifiedHash === undefined) return { kind: 'refused' }
      attempt.succeeded()
      // Somebody who resets the password meanwhile has the last word. In this order: a session that begins with the old password before
      // it is replaced is ended, too.
      if (!(await replace(person, verifiedHash, await passwords.hash(next)))) return { kind: 'refused' }
      await afterStored(() => sessions.endAll(owner, id))
      return { kind: 'changed' }
    })
  }
}
