/** A real HTTP server over the in-memory engine, with real tokens. */
import { createAuthenticate, createLogin, createSigningKeys, createTokens, type Principal } from '../../../src/auth/index.ts'
import { hashPassword } from '../../../src/auth/passwords.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createHttpServer, type HttpServerOptions } from '../../../src/http/index.ts'
import { createMemoryAuthStore } from '../auth/memory-auth-store.ts'
import { createMemoryEngine } from './memory-engine.ts'

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

export async function startApi(overrides: Partial<HttpServerOptions> = {}) {
  const engine = createMemoryEngine()
  const store = createMemoryAuthStore()
  const tokens = createTokens({ keys: createSigningKeys(store), lifetimeSeconds: 600 })
  const logged: { level: string; message: string; details: Readonly<Record<string, unknown>> }[] = []
  await store.createAdminIfNone({ username: 'admin', passwordHash: await hashPassword('password') })
  const server = createHttpServer({
    engine,
    authenticate: createAuthenticate(tokens),
    login: createLogin({ store, tokens }),
    servesApi: true,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    limits: { bodyBytes },
    log: (level, message, details) => logged.push({ level, message, details }),
    version: '1.2.3',
    ...overrides,
  })
  const { port } = await server.listen(0, '127.0.0.1')
  const base = `http://127.0.0.1:${port}`
  const tokenOf = async (principal: Principal) => (await tokens.issue(principal)).token
  const adminToken = await tokenOf({ kind: 'admin', username: 'admin' })

  const call = async (method: string, path: string, { json, raw, headers, token = adminToken }: CallOptions = {}): Promise<Answer> => {
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
    const isJson = response.headers.get('content-type')?.includes('json') && text !== ''
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
  }

  return {
    engine,
    server,
    port,
    base,
    logged,
    tokenOf,
    call,
    bodyBytes,
    async createTenant(name = 'acme'): Promise<TenantId> {
      return (await call('POST', '/v1/tenants', { json: { name } })).body.id
    },
    [Symbol.asyncDispose]: () => server.close(0),
  }
}
