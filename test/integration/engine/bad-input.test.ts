import { expect } from 'chai'
import type { CallOptions, ProblemBody, TenantBody } from '../../support/api.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const oneByteTooLarge = (() => {
  const empty = '{"type":"t","data":""}'
  return empty.replace('""', `"${'x'.repeat(1_048_576 + 1 - empty.length)}"`)
})()

describe('bad input to a running engine', () => {
  let engine: TestEngine
  let tenant: TenantBody
  before(async () => {
    engine = await startEngine({ broker: 'rabbitmq' })
    tenant = await engine.api.createTenant({ name: 'the only one' })
  })
  after(() => engine[Symbol.asyncDispose]())

  type Request = readonly [method: string, path: string, options?: CallOptions]
  const publish = (raw: string): Request => ['POST', 'messages', { raw }]
  const message = (fields: object): Request => ['POST', 'messages', { json: { type: 't', data: 1, ...fields } }]
  const create = (fields: object): Request => ['POST', '/v1/tenants', { json: { name: 'new', ...fields } }]
  const resize = (workers: unknown): Request => ['PUT', 'config/concurrency', { json: { workers } }]
  const list = (query: string): Request => ['GET', `messages?${query}`]

  const refusals: readonly (readonly [what: string, request: Request, status: number, path: string | undefined])[] = [
    ['malformed JSON', publish('{"type":"t","data":'), 400, undefined],
    ['JSON with something after it', publish('{"type":"t","data":1}x'), 400, undefined],
    ['an unknown field', message({ extra: 1 }), 400, 'extra'],
    ['a wrong type', message({ type: 5 }), 400, 'type'],
    ['no data', publish('{"type":"t"}'), 400, 'data'],
    ['a NUL', message({ data: { a: 'x\u0000' } }), 400, 'data.a'],
    ['a lone surrogate', publish('{"type":"t","data":["\\udfff"]}'), 400, 'data[0]'],
    ['1 MiB + 1', publish(oneByteTooLarge), 413, undefined],
    ['200 levels of nesting', publish(`{"type":"t","data":${nested(200)}}`), 400, `data${'[0]'.repeat(64)}`],
    ['a bad id of a message', message({ id: 'abc' }), 400, 'id'],
    ['a bad id of a tenant', ['POST', '/v1/tenants/abc/messages', { json: { type: 't', data: 1 } }], 400, 'id'],
    [
      'an unknown tenant',
      ['POST', '/v1/tenants/0199aaaa-0000-7000-8000-00000000000a/messages', { json: { type: 't', data: 1 } }],
      404,
      undefined,
    ],
    ['priority 3', message({ priority: 3 }), 400, 'priority'],
    ['a duplicate name', create({ name: 'the only one' }), 409, 'name'],
    ['a name with a NUL', create({ name: 'a\u0000' }), 400, 'name'],
    ['0 workers at creation', create({ workers: 0 }), 400, 'workers'],
    ['51 max_workers at creation', create({ max_workers: 51 }), 400, 'max_workers'],
    ['two numbers of workers', create({ workers: 3, max_workers: 4 }), 400, 'max_workers'],
    ['a bad message at creation', create({ messages: [{ type: 't', data: '\u0000' }] }), 400, 'messages[0].data'],
    ...[0, 51, 2.5, '5', null, -1, 1e300].map(
      (workers) => [`${JSON.stringify(workers)} workers`, resize(workers), 400, 'workers'] as const,
    ),
    ['limit=0', list('limit=0'), 400, 'limit'],
    ['limit=10⁹', list('limit=1000000000'), 400, 'limit'],
    ['a tampered cursor', list('cursor=abc123'), 400, 'cursor'],
    ['a cursor of garbage bytes', list(`cursor=${encodeURIComponent('%00\u{1F600}')}`), 400, 'cursor'],
    ['an unknown parameter', list('page=2'), 400, 'page'],
    ['a time that is none', list('since=yesterday'), 400, 'since'],
    ['an unknown status', ['PATCH', '', { json: { status: 'deleted' } }], 400, 'status'],
    ['an If-Match that is none', ['PATCH', '', { json: { description: 'x' }, headers: { 'if-match': 'yes' } }], 400, 'If-Match'],
    ['an unknown mode of deletion', ['DELETE', '?mode=maybe'], 400, 'mode'],
  ]
  for (const [what, [method, path, options], status, fault] of refusals) {
    it(`${what} is refused with ${status}${fault === undefined ? '' : `, naming ${fault.slice(0, 20)}`}; nothing is stored, nothing falls`, async () => {
      const { api } = engine
      const url = path.startsWith('/v1') ? path : `/v1/tenants/${tenant.id}${path === '' || path.startsWith('?') ? '' : '/'}${path}`
      const answer = await api.call<ProblemBody>(method, url, options)
      expect(answer.status, answer.text).to.equal(status)
      expect(answer.headers.get('content-type')).to.match(/^application\/problem\+json/)
      expect(answer.body).to.include({ status })
      expect(answer.body.errors?.[0]?.path).to.equal(fault)
      expect(answer.text).to.not.match(/node_modules|\.ts:|postgres:|amqp:/)

      expect((await api.call('GET', '/healthz')).status).to.equal(200)
      expect(await engine.installation.query('select count(*)::int as tenants from tenants')).to.deep.equal([{ tenants: 1 }])
    })
  }

  it('none of it reached the queue, the table or the tenant', async () => {
    const { api } = engine
    // The queue is in order: when the last message is stored, one before it would have been.
    const last = await api.publish(tenant.id)
    expect((await api.stored(tenant.id, 1)).map(({ id }) => id)).to.deep.equal([last])
    expect((await api.stats(tenant.id)).queue).to.include({ ready: 0, dlq: 0 })
    const { updated_at: _updated, ...now } = await api.tenant(tenant.id)
    const { updated_at: _before, ...before } = tenant
    expect(now).to.deep.equal(before)
  })

  it('without credentials, or with wrong ones, every route but the open ones is 401', async () => {
    const { api } = engine
    const requests: readonly (readonly [string, string])[] = [
      ['GET', '/v1/tenants'],
      ['POST', '/v1/tenants'],
      ['DELETE', `/v1/tenants/${tenant.id}`],
      ['POST', `/v1/tenants/${tenant.id}/messages`],
      ['GET', '/messages'],
      ['POST', `/api/tenants/${tenant.id}/pause`],
    ]
    for (const [method, path] of requests) {
      for (const authorization of ['', 'Bearer x', `Bearer ${api.token}x`, `Basic ${Buffer.from('admin:admin').toString('base64')}`]) {
        const answer = await api.call<ProblemBody>(method, path, { headers: { authorization } })
        expect(answer.status, `${method} ${path} ${authorization}`).to.equal(401)
      }
    }
    expect((await api.tenant(tenant.id)).state).to.equal('running')
  })
})
