/** A real HTTP server over the in-memory engine and identity stores, with real tokens and API keys. */
import { createIdentity, deriveKeys, type Principal } from '../../../src/auth/index.ts'
import type { ApiKeyScope, TenantRole } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createHttpServer, type HttpServerOptions } from '../../../src/http/index.ts'
import type { ApiOptions } from '../../../src/http/routes/index.ts'
import { createSealer, createTenantSecrets } from '../../../src/secrets/index.ts'
import { createMemoryFlightRecords } from '../../support/memory-flight-records.ts'
import { createMemoryIdentityStores } from '../../support/memory-identity.ts'
import { createMemoryInspection } from '../../support/memory-inspection.ts'
import { noOidc } from '../auth/start-identity.ts'
import { createMemoryEngine, type MemoryEngine } from './memory-engine.ts'

type RegistrationMode = 'invite' | 'open' | 'closed'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the server answered
  readonly body: any
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly raw?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** The admin's when left out; null sends none. */
  readonly token?: string | null
}

export type Api = Awaited<ReturnType<typeof startApi>>

const bodyBytes = 1_048_576
const keys = deriveKeys({ current: 'a-secret-for-tests-only-of-32-characters-and-more' })
const client = { address: '192.0.2.1', userAgent: null }
/** Fast, for tests of everything else. */
const passwords = {
  hash: async (password: string) => `hash of ${password}`,
  check: async (hash: string | undefined, password: string) => hash === `hash of ${password}`,
}

/** What the routes need, in memory. */
export function createMemoryApi(engine = createMemoryEngine(), registration: RegistrationMode = 'invite') {
  const stores = createMemoryIdentityStores()
  engine.watchers.push(stores)
  const identity = createIdentity({
    ...stores,
    admins: stores.auth,
    keys: keys.tokens,
    tenants: {
      exists: async (id) => (await engine.findTenant(id)) !== undefined,
      create: async (name) => (await engine.createTenant({ name })).tenant.id,
      remove: async (id) => void (await engine.deleteTenant(id, 'discard', 0)),
    },
    settings: { tokenTtlSeconds: 600, sessionTtlSeconds: 3600, registration, loginFailuresPerMinute: 10, oidc: noOidc },
    passwords,
  })
  const inspection = createMemoryInspection()
  const flightRecords = createMemoryFlightRecords()
  const options: ApiOptions = {
    engine,
    identity,
    audit: stores.audit,
    secrets: createTenantSecrets({ store: stores.secrets, sealer: createSealer(keys.sealing) }),
    async *exportTenant(id, { withPayloads }) {
      yield `${JSON.stringify({ kind: 'tenant', id, withPayloads })}\n`
    },
    inspection,
    flightRecords,
    payloadVisibility: 'all',
  }
  return { engine, stores, inspection, flightRecords, options }
}

export async function startApi({
  registration,
  ...overrides
}: Partial<HttpServerOptions> & { readonly engine?: MemoryEngine; readonly registration?: RegistrationMode } = {}) {
  const { engine, stores, inspection, flightRecords, options } = createMemoryApi(overrides.engine, registration)
  const { identity } = options
  await stores.auth.createAdminIfNone({ username: 'admin', passwordHash: await passwords.hash('password'), appliedHash: null })
  const logged: { level: string; message: string; details: Readonly<Record<string, unknown>> }[] = []
  /** The tenants that requests ran for, in their order. */
  const scopes: (TenantId | undefined)[] = []
  const server = createHttpServer({
    ...options,
    asTenant: (tenantId, work) => {
      scopes.push(tenantId)
      return work()
    },
    limiter: { take: () => undefined },
    servesApi: true,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    limits: { bodyBytes },
    log: (level, message, details) => logged.push({ level, message, details }),
    version: '1.2.3',
    ...overrides,
    engine,
  })
  const { port } = await server.listen(0, '127.0.0.1')
  const base = `http://127.0.0.1:${port}`
  const logIn = async (username: string, password: string, tenantId?: TenantId) => {
    const answer = await identity.login({ username, password, tenantId, client })
    if (answer.kind !== 'granted') throw new Error(`the login of ${username} is ${answer.kind}`)
    return answer
  }
  const admin = await logIn('admin', 'password')
  let users = 0

  const call = async (method: string, path: string, { json, raw, headers, token = admin.token }: CallOptions = {}): Promise<Answer> => {
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
    const response = await fetch(base + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '') && text !== ''
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }

  return {
    engine,
    stores,
    inspection,
    flightRecords,
    identity,
    server,
    port,
    base,
    logged,
    scopes,
    call,
    bodyBytes,
    adminToken: admin.token,
    /** The token of a new user of the tenant. */
    async tokenOf(tenantId: TenantId, role: TenantRole, username = `${role}-${++users}`): Promise<string> {
      await identity.users.create(tenantId, { username, password: 'a-password', role })
      return (await logIn(username, 'a-password', tenantId)).token
    },
    /** A new API key of the tenant. */
    async keyOf(tenantId: TenantId, ...of: readonly ApiKeyScope[]): Promise<string> {
      const createdBy: Principal = admin.principal
      return (await identity.apiKeys.create(tenantId, { name: 'machine', scopes: of, expiresAt: null, createdBy })).secret
    },
    async createTenant(name = 'acme', config: object = {}): Promise<TenantId> {
      return (await call('POST', '/v1/tenants', { json: { name, config } })).body.id
    },
    /** The audit log, newest first. */
    audited: async (tenantId?: TenantId) => (await stores.audit.list({ tenantId, limit: 200 })).entries,
    [Symbol.asyncDispose]: () => server.close(0),
  }
}
