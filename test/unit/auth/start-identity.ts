/** An Identity over the stores in memory, with passwords that cost nothing, and counters of what it asked for. */
import { randomUUID } from 'node:crypto'
import { createIdentity, type IdentitySettings } from '../../../src/auth/create-identity.ts'
import type { Client, Granted, Identity } from '../../../src/auth/identity.ts'
import { deriveKeys, type TokenKey } from '../../../src/auth/installation-keys.ts'
import type { TenantRole } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createMemoryIdentityStores } from '../../support/memory-identity.ts'

export const secret = 'a secret of more than thirty-two characters'
export const client: Client = { address: '192.0.2.1', userAgent: 'a test' }
export const adminPassword = 'the password of the admin'
export const password = 'the password of a user'

export const noOidc = {
  issuer: undefined,
  audience: undefined,
  audienceClaim: 'aud',
  jwksUrl: undefined,
  tenantClaim: 'tenant_id',
  roleClaim: 'role',
  usernameClaim: 'sub',
  roles: [],
} as const

const settings: IdentitySettings = {
  tokenTtlSeconds: 900,
  sessionTtlSeconds: 86_400,
  registration: 'invite',
  loginFailuresPerMinute: 10,
  oidc: noOidc,
}

export type StartedIdentity = Awaited<ReturnType<typeof startIdentity>>

/** One installation with an admin `root` and a tenant; `anotherNode` shares its database and hints. */
export async function startIdentity(overrides: Partial<IdentitySettings> = {}) {
  const clock = { nowMs: Date.now() }
  const counts = { checks: 0, hashes: 0, states: 0, keyLookups: 0, touches: 0 }
  const stores = createMemoryIdentityStores({ now: () => clock.nowMs })
  const { sessions, apiKeys } = stores
  const tenants = new Set<TenantId>()
  const away = { error: undefined as Error | undefined }

  const addTenant = (): TenantId => {
    const id = randomUUID() as TenantId
    stores.addTenant(id)
    tenants.add(id)
    return id
  }
  const passwords = {
    async hash(text: string) {
      counts.hashes++
      return `hash of ${text}`
    },
    async check(passwordHash: string | undefined, text: string) {
      counts.checks++
      return passwordHash === `hash of ${text}`
    },
  }
  const startNode = (keys: readonly TokenKey[] = deriveKeys({ current: secret }).tokens): Identity =>
    createIdentity({
      admins: stores.auth,
      users: stores.users,
      invitations: stores.invitations,
      hints: stores.hints,
      sessions: {
        ...sessions,
        async state(id) {
          counts.states++
          if (away.error) throw away.error
          return sessions.state(id)
        },
      },
      apiKeys: {
        ...apiKeys,
        async findByHash(hash) {
          counts.keyLookups++
          return apiKeys.findByHash(hash)
        },
        async touch(id) {
          counts.touches++
          return apiKeys.touch(id)
        },
      },
      keys,
      tenants: {
        exists: async (id) => tenants.has(id),
        create: async () => addTenant(),
        async remove(id) {
          tenants.delete(id)
          stores.removeTenant(id)
        },
      },
      settings: { ...settings, ...overrides },
      now: () => clock.nowMs,
      passwords,
    })

  await stores.auth.createAdminIfNone({ username: 'root', passwordHash: `hash of ${adminPassword}`, appliedHash: null })
  const identity = startNode()
  const tenantId = addTenant()

  const mustLogIn = async (request: { username: string; password: string; tenantId: TenantId | undefined }): Promise<Granted> => {
    const answer = await identity.login({ ...request, client })
    if (answer.kind !== 'granted') throw new Error(answer.kind)
    return answer
  }
  return {
    identity,
    stores,
    clock,
    counts,
    passwords,
    tenants,
    tenantId,
    /** Makes the database fail while an error is set. */
    away,
    anotherNode: startNode,
    addTenant,
    logIn: (username: string) => mustLogIn({ username, password, tenantId }),
    logInAdmin: () => mustLogIn({ username: 'root', password: adminPassword, tenantId: undefined }),
    async addUser(username: string, role: TenantRole, of: TenantId = tenantId) {
      return (await identity.users.create(of, { username, password, role })).user
    },
    whoIs: (token: string, node: Identity = identity) => node.authenticate({ authorization: `Bearer ${token}` }),
  }
}
