/** A client of the HTTP API that has logged in as the platform admin. */
import type { z } from 'zod'
import type { problemSchema } from '../../src/http/schemas/common.ts'
import type {
  failedMessageDetail,
  failedMessageList,
  failedMessageSchema,
  failedStatsSchema,
} from '../../src/http/schemas/failed-message.ts'
import type { messageDetail, messageList, messageSchema } from '../../src/http/schemas/message.ts'
import type { tenantList, tenantSchema, tenantStatsSchema } from '../../src/http/schemas/tenant.ts'
import { eventually } from './eventually.ts'

export type TenantBody = z.output<typeof tenantSchema>
export type MessageBody = z.output<typeof messageSchema>
export type MessageDetail = z.output<typeof messageDetail>
export type MessageList = z.output<typeof messageList>
export type TenantList = z.output<typeof tenantList>
export type StatsBody = z.output<typeof tenantStatsSchema>
export type FailedBody = z.output<typeof failedMessageSchema>
export type FailedDetail = z.output<typeof failedMessageDetail>
export type FailedList = z.output<typeof failedMessageList>
export type FailedStatsBody = z.output<typeof failedStatsSchema>
export type ProblemBody = z.output<typeof problemSchema>

export const adminPassword = 'a-password-for-tests-only'
export const installationSecret = 'a-secret-for-tests-only-of-32-characters-and-more'

export interface Answer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
  readonly text: string
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, as application/json. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
}

export interface Api {
  readonly url: string
  readonly token: string
  call<Body = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<Answer<Body>>
  /** The body of an answer with this status; anything else is an error that shows the answer. */
  expect<Body = Record<string, unknown>>(status: number, method: string, path: string, options?: CallOptions): Promise<Body>
  createTenant(fields?: Readonly<Record<string, unknown>>): Promise<TenantBody>
  tenant(id: string): Promise<TenantBody>
  stats(id: string): Promise<StatsBody>
  publish(tenantId: string, fields?: Readonly<Record<string, unknown>>): Promise<string>
  /** In batches of at most 1000. */
  publishMany(tenantId: string, messages: readonly Readonly<Record<string, unknown>>[]): Promise<string[]>
  /** Every message of the list, page after page. */
  listAll(path: string): Promise<MessageBody[]>
  /** One message, with the attempts that failed. */
  message(tenantId: string, id: string): Promise<MessageDetail>
  /** The first 200 of the tenant's failed messages, the newest failure first. `query` is as in `status=pending`. */
  failed(tenantId: string, query?: string): Promise<readonly FailedBody[]>
  failedMessage(tenantId: string, id: string): Promise<FailedDetail>
  failedStats(tenantId: string): Promise<FailedStatsBody>
  /** Retries or discards what meets the conditions; all when there is none. Returns how many. */
  applyToFailed(tenantId: string, operation: 'retry' | 'discard', conditions?: Readonly<Record<string, unknown>>): Promise<number>
  /** Resolves when the tenant has stored so many messages. */
  stored(tenantId: string, count: number, timeoutMs?: number): Promise<MessageBody[]>
}

const callDeadlineMs = 60_000
let names = 0

/** Errors: when the login is refused. */
export async function connectApi(url: string, credentials: { username?: string; password?: string } = {}): Promise<Api> {
  const { username = 'admin', password = adminPassword } = credentials
  const login = await send(url, 'POST', '/v1/auth/login', { json: { username, password } })
  if (login.status !== 200) throw new Error(`the login was answered with ${login.status} ${login.text}`)
  return createApi(url, String((login.body as { token: string }).token))
}

export function createApi(url: string, token: string): Api {
  const call = <Body>(method: string, path: string, options: CallOptions = {}) =>
    send<Body>(url, method, path, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } })
  const expectStatus = async <Body>(status: number, method: string, path: string, options?: CallOptions): Promise<Body> => {
    const answer = await call<Body>(method, path, options)
    if (answer.status !== status) throw new Error(`${method} ${path} was answered with ${answer.status}, not ${status}: ${answer.text}`)
    return answer.body
  }
  const listAll = async (path: string): Promise<MessageBody[]> => {
    const all: MessageBody[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const query = `${path.includes('?') ? '&' : '?'}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`
      const page: MessageList = await expectStatus<MessageList>(200, 'GET', `${path}${query}`)
      all.push(...page.data)
      cursor = page.next_cursor
    }
    return all
  }
  return {
    url,
    token,
    call,
    expect: expectStatus,
    createTenant: (fields = {}) =>
      expectStatus(201, 'POST', '/v1/tenants', { json: { name: `tenant ${process.pid} ${++names} ${Date.now()}`, ...fields } }),
    tenant: (id) => expectStatus(200, 'GET', `/v1/tenants/${id}`),
    stats: (id) => expectStatus(200, 'GET', `/v1/tenants/${id}/stats`),
    publish: async (tenantId, fields = {}) => {
      const json = { type: 'plain', data: { n: 1 }, ...fields }
      return (await expectStatus<{ id: string }>(202, 'POST', `/v1/tenants/${tenantId}/messages`, { json })).id
    },
    publishMany: async (tenantId, messages) => {
      const ids: string[] = []
      for (let from = 0; from < messages.length; from += 1000) {
        const json = { messages: messages.slice(from, from + 1000) }
        ids.push(...(await expectStatus<{ ids: string[] }>(202, 'POST', `/v1/tenants/${tenantId}/messages/batch`, { json })).ids)
      }
      return ids
    },
    listAll,
    message: (tenantId, id) => expectStatus(200, 'GET', `/v1/tenants/${tenantId}/messages/${id}`),
    failed: async (tenantId, query = '') => {
      const path = `/v1/tenants/${tenantId}/failed-messages?limit=200${query && `&${query}`}`
      return (await expectStatus<FailedList>(200, 'GET', path)).data
    },
    failedMessage: (tenantId, id) => expectStatus(200, 'GET', `/v1/tenants/${tenantId}/failed-messages/${id}`),
    failedStats: (tenantId) => expectStatus(200, 'GET', `/v1/tenants/${tenantId}/failed-messages/stats`),
    applyToFailed: async (tenantId, operation, conditions = { all: true }) => {
      const path = `/v1/tenants/${tenantId}/failed-messages/${operation}`
      return (await expectStatus<{ matched: number }>(202, 'POST', path, { json: conditions })).matched
    },
    stored: (tenantId, count, timeoutMs = 15_000) =>
      eventually(
        async () => {
          const all = await listAll(`/v1/tenants/${tenantId}/messages`)
          if (all.length < count) throw new Error(`${all.length} of ${count} messages are stored`)
          return all
        },
        { timeoutMs, everyMs: 50 },
      ),
  }
}

async function send<Body>(url: string, method: string, path: string, { json, raw, headers }: CallOptions = {}): Promise<Answer<Body>> {
  const body = raw ?? (json === undefined ? undefined : JSON.stringify(json))
  const response = await fetch(url + path, {
    method,
    signal: AbortSignal.timeout(callDeadlineMs),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '') && text !== ''
  return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : undefined) as Body, text }
}
