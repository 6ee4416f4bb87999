/** Makes somebody a user: by an invitation, or, where registration is open, with a tenant of their own. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { InvitationStore, User, UserStore } from '../core/ports/identity-store.ts'
import type { Identity } from './identity.ts'
import { hashToken, isInvitationToken } from './opaque-tokens.ts'
import type { PasswordGate } from './password-gate.ts'
import type { Passwords } from './passwords.ts'
import type { Person, Sessions } from './sessions.ts'
import { attemptAtGate, type Throttle } from './throttle.ts'

/** `invite`: with an invitation only. `open`: with a new tenant, too. `closed`: owners and admins make all users. */
export type RegistrationMode = 'invite' | 'open' | 'closed'

export interface RegistrationOptions {
  readonly mode: RegistrationMode
  readonly invitations: Pick<InvitationStore, 'accept'>
  readonly users: Pick<UserStore, 'create'>
  readonly tenants: {
    create(name: string): Promise<TenantId>
    remove(id: TenantId): Promise<void>
  }
  readonly sessions: Pick<Sessions, 'begin'>
  readonly passwords: Pick<Passwords, 'hash'>
  readonly gate: PasswordGate
  readonly throttle: Throttle
}

/** Invitations that do not exist, and new tenants, are throttled by address like failed logins. */
export function createRegistration(options: RegistrationOptions): Pick<Identity, 'acceptInvitation' | 'registerTenant'> {
  const { mode, invitations, users, tenants, sessions, passwords, gate, throttle } = options

  const createOwner = async (tenantId: TenantId, username: string, passwordHash: string): Promise<User> => {
    try {
      return await users.create({ id: randomUUIDv7(), tenantId, username, passwordHash, role: 'owner' })
    } catch (error) {
      // A tenant that nobody can log in to would keep its name. When it cannot be removed either, the first error says more.
      await tenants.remove(tenantId).catch(() => undefined)
      throw error
    }
  }

  return {
    async acceptInvitation({ invitation, username, password, client }) {
      if (mode === 'closed') throw closed('Registration is closed on this installation.')
      return attemptAtGate({ throttle, gate }, { address: client.address, what: 'invitation' }, async (attempt) => {
        if (!isInvitationToken(invitation)) throw new AppError('invitation.invalid', 'The invitation is unknown, used or expired.')
        const passwordHash = await passwords.hash(password)
        const user = await invitations.accept(hashToken(invitation), { id: randomUUIDv7(), username, passwordHash })
        attempt.succeeded()
        return sessions.begin(toPerson(user), client, passwordHash)
      })
    },

    async registerTenant({ tenantName, username, password, client }) {
      if (mode !== 'open') throw closed('Registration needs an invitation on this installation.')
      // It counts when it succeeds, too: each tenant costs a partition and a queue.
      const hashed = await attemptAtGate({ throttle, gate }, { address: client.address, what: 'tenant' }, () => passwords.hash(password))
      if (typeof hashed !== 'string') return hashed
      // Outside the gate: a tenant takes longer to make than a password to check.
      const user = await createOwner(await tenants.create(tenantName), username, hashed)
      return sessions.begin(toPerson(user), client, hashed)
    },
  }
}

const closed = (message: string): AppError => new AppError('registration.closed', message)

const toPerson = ({ id, username, tenantId, role }: User): Person => ({ kind: 'tenant_user', id, username, tenantId, role })
