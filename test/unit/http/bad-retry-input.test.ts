import { createRefuses } from './refuses.ts'
import { type Api, startApi } from './start-api.ts'

describe('bad input about retries', () => {
  let api: Api
  let tenant: string
  before(async () => {
    api = await startApi()
    tenant = `/v1/tenants/${await api.createTenant()}`
  })
  after(() => api.server.close(0))
  const refuses = createRefuses(() => api)
  const create = (fields: object) => () => ['POST', '/v1/tenants', { json: { name: 'n', ...fields } }] as const
  const get = (path: string) => () => ['GET', path] as const

  describe('in a configuration', () => {
    const path = (fault: string) => (fault ? `retry.default.${fault}` : 'retry.default')
    const policies: readonly (readonly [policy: unknown, fault: string])[] = [
      ['often', ''],
      [5, ''],
      [null, ''],
      [[], ''],
      [{ attempt: 1 }, 'attempt'],
      ...[0, 101, 1.5, '3', null].map((attempts) => [{ attempts }, 'attempts'] as const),
      ...[-1, 86_400_001, 0.5].map((base_ms) => [{ base_ms }, 'base_ms'] as const),
      ...[0.5, 101, '2'].map((factor) => [{ factor }, 'factor'] as const),
      ...[-1, 2_592_000_001].map((cap_ms) => [{ cap_ms }, 'cap_ms'] as const),
      ...[[], Array(101).fill(1), 1000, '1000'].map((delays_ms) => [{ delays_ms }, 'delays_ms'] as const),
      [{ delays_ms: [1, -1] }, 'delays_ms[1]'],
      [{ delays_ms: [1], attempts: 2 }, 'delays_ms'],
      ...[Array(51).fill('E'), 'E'].map((non_retryable) => [{ non_retryable }, 'non_retryable'] as const),
      [{ non_retryable: [''] }, 'non_retryable[0]'],
      ...[-1, 6].map((immediate_retries) => [{ immediate_retries }, 'immediate_retries'] as const),
      [{ order: 'newest' }, 'order'],
    ]
    for (const [policy, fault] of policies) {
      const config = { retry: { default: policy } }
      refuses(`the policy ${JSON.stringify(policy).slice(0, 40)}`, () => ['PUT', `${tenant}/config`, { json: config }], 400, path(fault))
    }
    const config = (value: unknown) => () => ['PUT', `${tenant}/config`, { json: value }] as const
    refuses('a retry that is a text', config({ retry: 'none' }), 400, 'retry')
    refuses('an unknown part of retry', config({ retry: { defaults: 'none' } }), 400, 'retry.defaults')
    refuses('a policy of a type', config({ retry: { types: { sms: { attempts: 0 } } } }), 400, 'retry.types.sms.attempts')
    refuses(
      'the type __proto__',
      () => ['PUT', `${tenant}/config`, { raw: '{"retry":{"types":{"__proto__":1}}}' }],
      400,
      'retry.types.__proto__',
    )
    for (const days of [-1, 3651, 0.5, '30']) {
      refuses(`${JSON.stringify(days)} days`, config({ retention: { messages_days: days } }), 400, 'retention.messages_days')
    }
    refuses('an unknown part of retention', config({ retention: { days: 1 } }), 400, 'retention.days')
    const bad = { retry: { default: { attempts: 0 } } }
    refuses('it in a creation', create({ config: bad }), 400, 'config.retry.default.attempts')
    refuses('it in a change', () => ['PATCH', tenant, { json: { config: bad } }], 400, 'config.retry.default.attempts')
  })

  describe('about failed messages', () => {
    const list = (query: string) => () => ['GET', `${tenant}/failed-messages?${query}`] as const
    for (const limit of ['0', '201', '1000000000', 'abc', '%00']) refuses(`the limit ${limit}`, list(`limit=${limit}`), 400, 'limit')
    for (const status of ['', 'failed', 'pending,', 'pending,x', 'pending&status=x', '%00', '%ED%A0%80', 'pending&status=%00']) {
      refuses(`the status ${status}`, list(`status=${status}`), 400, 'status')
    }
    for (const name of ['type', 'error', 'fingerprint']) {
      for (const value of ['', '%00', 'x'.repeat(201)]) refuses(`the ${name} ${value.slice(0, 5)}`, list(`${name}=${value}`), 400, name)
      refuses(`a ${name} given twice`, list(`${name}=a&${name}=b`), 400, name)
    }
    for (const name of ['since', 'until']) refuses(`a ${name} that is no time`, list(`${name}=now`), 400, name)
    for (const cursor of ['abc', '%00', '']) refuses(`the cursor ${cursor}`, list(`cursor=${cursor}`), 400, 'cursor')
    refuses('an unknown parameter', list('state=pending'), 400, 'state')
    refuses('a parameter of the stats', () => ['GET', `${tenant}/failed-messages/stats?status=pending`], 400, 'status')
    refuses('a parameter of all stats', get('/v1/retry/stats?tenant_id=x'), 400, 'tenant_id')
    for (const [method, end] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/retry'],
    ] as const) {
      refuses(`${method} of an id that is none`, () => [method, `${tenant}/failed-messages/abc${end}`], 400, 'fid')
    }
    const nobody = '01990000-0000-7000-8000-00000000dead'
    refuses('a retry with a body', () => ['POST', `${tenant}/failed-messages/${nobody}/retry`, { json: { now: true } }], 400, 'now')
    refuses('GET of an operation', () => ['GET', `${tenant}/failed-messages/retry`], 405)

    for (const operation of ['retry', 'discard']) {
      const post = (json?: unknown) => () => ['POST', `${tenant}/failed-messages/${operation}`, json === undefined ? {} : { json }] as const
      refuses(`a ${operation} without a body`, post(), 400, '')
      refuses(`a ${operation} of a list`, post([]), 400, '')
      for (const empty of [{}, { dry_run: true }, { dry_run: false }]) {
        refuses(`a ${operation} without a condition: ${JSON.stringify(empty)}`, post(empty), 400, 'all')
      }
      for (const all of [false, 'true', 1, null]) refuses(`a ${operation} with all ${JSON.stringify(all)}`, post({ all }), 400, 'all')
      for (const ids of [[], 'x', {}, Array(1001).fill(nobody), null]) {
        refuses(`a ${operation} of the ids ${JSON.stringify(ids).slice(0, 12)}`, post({ ids }), 400, 'ids')
      }
      refuses(`a ${operation} of an id that is none`, post({ ids: [nobody, 'x'] }), 400, 'ids[1]')
      for (const status of ['resolved', 'retried', 'x', [], 5, null]) {
        refuses(`a ${operation} of the status ${JSON.stringify(status)}`, post({ status }), 400, 'status')
      }
      refuses(`a ${operation} of a list with another status`, post({ status: ['pending', 'resolved'] }), 400, 'status[1]')
      for (const name of ['type', 'error', 'fingerprint']) {
        for (const value of ['', 'a\u0000', '\ud800', 'x'.repeat(201), ['a'], 5, null]) {
          refuses(`a ${operation} with the ${name} ${JSON.stringify(value).slice(0, 9)}`, post({ [name]: value }), 400, name)
        }
      }
      for (const name of ['since', 'until']) {
        for (const value of ['now', '0000-01-01T00:00:00Z', 5])
          refuses(`a ${operation} with ${name} ${value}`, post({ [name]: value }), 400, name)
      }
      refuses(`a ${operation} with dry_run 1`, post({ all: true, dry_run: 1 }), 400, 'dry_run')
      refuses(`a ${operation} with an unknown field`, post({ all: true, limit: 5 }), 400, 'limit')
    }
  })
})
