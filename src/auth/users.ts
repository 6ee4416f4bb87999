/** The users of a tenant, as its owners manage them. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { IdentityHints, UserStore } from '../core/ports/identity-store.ts'
import { afterStored } from '../core/stored-change.ts'
import type { Identity } from './identity.ts'
import type { PasswordGate } from './password-gate.ts'
import { generatePassword, type Passwords } from './passwords.ts'
import type { Sessions } from './sessions.ts'

export interface UsersOptions {
  readonly store: UserStore
  readonly sessions: Pick<Sessions, 'endAll'>
  readonly hints: Pick<IdentityHints, 'announce'>
  readonly passwords: Pick<Passwords, 'hash'>
  readonly gate: PasswordGate
}

/** A login that has checked the old password begins no session after a change: see `SessionStore.create`. */
export function createUsers({ store, sessions, hints, passwords, gate }: UsersOptions): Identity['users'] {
  return {
    async create(tenantId, { username, password, role }) {
      const chosen = password ?? generatePassword()
      const passwordHash = await gate.inTurn(tenantId, () => passwords.hash(chosen))
      const user = await store.create({ id: randomUUIDv7(), tenantId, username, passwordHash, role })
      return { user, generatedPassword: password === undefined ? chosen : undefined }
    },

    list: (tenantId, query) => store.list(tenantId, query),

    async find(tenantId, id) {
      return (await store.find(tenantId, id)) ?? missing()
    },

    async change(tenantId, id, { role, password }) {
      const passwordHash = password === undefined ? undefined : await gate.inTurn(tenantId, () => passwords.hash(password))
      const changed =
        (await store.change(tenantId, id, {
          ...(role === undefined ? {} : { role }),
          ...(passwordHash === undefined ? {} : { passwordHash }),
        })) ?? missing()
      hints.announce({ of: 'user', id })
      if (passwordHash !== undefined) await afterStored(() => sessions.endAll({ kind: 'tenant_user', tenantId, userId: id }))
      return changed
    },

    async remove(tenantId, id) {
      const user = (await store.remove(tenantId, id)) ?? missing()
      hints.announce({ of: 'user', id })
      return user
    },
  }
}

function missing(): never {
  throw new AppError('user.missing', 'There is no such user in this tenant.')
}
