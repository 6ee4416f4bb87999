/** The identity stores on PostgreSQL and those in memory, for tests that hold for both. */
import { randomBytes, randomUUIDv7 } from 'node:crypto'
import { readTenantId, type TenantId } from '../../../src/core/ids.ts'
import type { IdentityPage, IdentityPosition, IdentityQuery, NewUser } from '../../../src/core/ports/identity-store.ts'
import { createDatabaseClient, type DatabaseClient } from '../../../src/database/client.ts'
import { createApiKeyStore } from '../../../src/database/repositories/api-key-store.ts'
import { createAuditStore } from '../../../src/database/repositories/audit-store.ts'
import { createInvitationStore } from '../../../src/database/repositories/invitation-store.ts'
import { createSecretStore } from '../../../src/database/repositories/secret-store.ts'
import { createSessionStore } from '../../../src/database/repositories/session-store.ts'
import { createUserStore } from '../../../src/database/repositories/user-store.ts'
import { createSlowWork } from '../../../src/database/slow-work.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { createMemoryIdentityStores, type MemoryIdentityStores } from '../../support/memory-identity.ts'
import { newTenantId } from './fixtures.ts'

type Stores = Omit<MemoryIdentityStores, 'auth' | 'hints' | 'addTenant' | 'beginDeletion' | 'removeTenant' | 'addAdmin' | 'removeAdmin'>

export interface IdentityBed extends Stores {
  addTenant(): Promise<TenantId>
  beginDeletion(id: TenantId): Promise<void>
  removeTenant(id: TenantId): Promise<void>
  addAdmin(): Promise<{ readonly id: string; readonly username: string }>
  removeAdmin(id: string): Promise<void>
}

export interface PostgresBed extends IdentityBed, AsyncDisposable {
  readonly database: TestDatabase
  readonly client: DatabaseClient
}

/**
 * Runs the tests of `define` on both; on PostgreSQL as requests do, each in the scope of the tenant it asks about. They share a
 * database: each has tenants of its own.
 */
export function describeOnBoth(name: string, define: (bed: () => IdentityBed) => void): void {
  describe(`${name} in memory`, () => {
    const bed = openMemoryBed()
    define(() => bed)
  })
  describe(`${name} on PostgreSQL`, () => {
    let bed: PostgresBed
    before(async () => {
      bed = await openRequestBed()
    })
    after(() => bed[Symbol.asyncDispose]())
    define(() => bed)
  })
}

function openMemoryBed(): IdentityBed {
  const stores = createMemoryIdentityStores()
  return {
    ...stores,
    async addTenant() {
      const id = newTenantId()
      stores.addTenant(id)
      return id
    },
    beginDeletion: async (id) => stores.beginDeletion(id),
    removeTenant: async (id) => stores.removeTenant(id),
    async addAdmin() {
      const admin = newAdmin()
      stores.addAdmin(admin)
      return admin
    },
    removeAdmin: async (id) => stores.removeAdmin(id),
  }
}

/** Every statement runs as the role of requests, but those that are not limited to a request's tenant. */
async function openRequestBed(): Promise<PostgresBed> {
  const bed = await openPostgresBed()
  const node = await bed.database.open({ poolSize: 12, statementTimeoutMs: 20_000 })
  const inScope = <Store extends object>(store: Store): Store =>
    new Proxy(store, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...values: readonly unknown[]) => node.asTenant(readTenant(values[0]), () => method.apply(target, values))
      },
    })
  const { users, sessions, invitations, apiKeys, audit, secrets } = node
  return {
    ...bed,
    users: inScope(users),
    sessions: inScope(sessions),
    invitations: inScope(invitations),
    apiKeys: inScope(apiKeys),
    audit: inScope(audit),
    secrets: inScope(secrets),
  }
}

/** Whom a method is about: the stores take the tenant's id first, or what has it. */
function readTenant(value: unknown): TenantId | undefined {
  if (typeof value === 'string') return readTenantId(value)
  if (typeof value !== 'object' || value === null) return undefined
  return 'tenantId' in value && typeof value.tenantId === 'string' ? readTenantId(value.tenantId) : undefined
}

/** The stores' clients are limited to no tenant. */
export async function openPostgresBed(): Promise<PostgresBed> {
  const database = await createTestDatabase()
  const settings = { url: database.url, schema: 'public', poolSize: 12, statementTimeoutMs: 20_000, onError: () => undefined }
  const client = createDatabaseClient(settings)
  return {
    database,
    client,
    users: createUserStore(client, client),
    sessions: createSessionStore(client),
    invitations: createInvitationStore(client, client),
    apiKeys: createApiKeyStore(client, client),
    audit: createAuditStore(client, client, createSlowWork(client)),
    secrets: createSecretStore(client, client),
    async addTenant() {
      const id = newTenantId()
      await client.run("insert into tenants (id, name, status, workers) values ($1, $2, 'active', 1)", [id, `tenant ${id}`])
      return id
    },
    async beginDeletion(id) {
      await client.run(`update tenants set status = 'deleting', deletion = '{"mode": "discard", "deadlineAtMs": 1}' where id = $1`, [id])
    },
    async removeTenant(id) {
      await client.run('delete from tenants where id = $1', [id])
    },
    async addAdmin() {
      const admin = newAdmin()
      await client.run("insert into admins (id, username, password_hash) values ($1, $2, '')", [admin.id, admin.username])
      return admin
    },
    async removeAdmin(id) {
      await client.run('delete from admins where id = $1', [id])
    },
    async [Symbol.asyncDispose]() {
      await client.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

function newAdmin() {
  const id = randomUUIDv7()
  return { id, username: `admin ${id}` }
}

export const newHash = (): Buffer => randomBytes(32)

export function newUser(tenantId: TenantId, fields: Partial<NewUser> = {}): NewUser {
  const id = randomUUIDv7()
  return { id, tenantId, username: `user-${id}`, passwordHash: '$argon2id$', role: 'member', ...fields }
}

/** The ids of every item of a list, page after page of two. */
export async function readPages(
  read: (query: IdentityQuery) => Promise<IdentityPage<{ readonly id: string }>>,
): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = []
  for (let after: IdentityPosition | undefined; ; ) {
    const page = await read({ limit: 2, ...(after === undefined ? {} : { after }) })
    pages.push(page.items.map(({ id }) => id))
    if (page.next === undefined) return pages
    after = page.next
  }
}
