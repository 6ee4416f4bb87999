import { expect } from 'chai'
import { createRefuses } from './refuses.ts'
import { type Api, startApi } from './start-api.ts'

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

describe('bad input', () => {
  let api: Api
  let tenant: string
  before(async () => {
    api = await startApi()
    tenant = `/v1/tenants/${await api.createTenant()}`
  })
  after(() => api.server.close(0))

  const refuses = createRefuses(() => api)
  const publish =
    (raw: string | Uint8Array, headers = {}) =>
    () =>
      ['POST', `${tenant}/messages`, { raw, headers }] as const
  const message = (fields: object) => publish(JSON.stringify({ type: 't', data: 1, ...fields }))
  const create = (fields: object) => () => ['POST', '/v1/tenants', { json: { name: 'n', ...fields } }] as const
  const get = (path: string) => () => ['GET', path] as const

  describe('in the form of the body', () => {
    refuses('malformed JSON', publish('{"type":'), 400)
    refuses('no body', () => ['POST', `${tenant}/messages`], 400, '')
    refuses('an empty object', publish('{}'), 400, 'type')
    refuses('a list', publish('[]'), 400, '')
    refuses('a text', publish('"x"'), 400, '')
    refuses('invalid UTF-8', publish(Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","data":1}')])), 400)
    refuses('UTF-16', publish(Buffer.from('{"type":"t","data":1}', 'utf16le'), { 'content-type': 'application/json; charset=utf-16' }), 415)
    refuses('another content type', publish('{"type":"t","data":1}', { 'content-type': 'text/plain' }), 415)
    refuses('an unknown encoding', publish('{"type":"t","data":1}', { 'content-encoding': 'pied-piper' }), 415)
    refuses('a body that is not the gzip it says', publish('{"type":"t","data":1}', { 'content-encoding': 'gzip' }), 400)
    refuses('a byte more than the limit', () => publish(sized(api.bodyBytes + 1))(), 413)
    refuses('65 levels of nesting', publish(`{"type":"t","data":${nested(65)}}`), 400, `data${'[0]'.repeat(64)}`)
    refuses('100,000 levels of nesting', publish(`{"type":"t","data":${nested(100_000)}}`), 400, `data${'[0]'.repeat(64)}`)
    refuses('100,000 levels in an unknown field', publish(`{"x":${nested(100_000)}}`), 400, `x${'[0]'.repeat(64)}`)
    refuses(
      '100,000 levels in a config',
      () => ['PUT', `${tenant}/config`, { raw: `{"a":${'{"b":'.repeat(100_000)}1${'}'.repeat(100_001)}` }],
      400,
      `a${'.b'.repeat(64)}`,
    )
    for (const odd of ['{"length":{"toString":null}}', '{"length":{"toString":null,"valueOf":null}}']) {
      refuses(`${odd} for a text`, publish(`{"type":${odd},"data":1}`), 400, 'type')
      refuses(`${odd} for a list`, () => ['POST', `${tenant}/messages/batch`, { raw: `{"messages":${odd}}` }], 400, 'messages')
      refuses(
        `${odd} for delays`,
        () => ['PUT', `${tenant}/config`, { raw: `{"retry":{"default":{"delays_ms":${odd}}}}` }],
        400,
        'retry.default.delays_ms',
      )
    }
    refuses('__proto__ as a field', publish('{"type":"t","data":1,"__proto__":{}}'), 400, '__proto__')

    it('a body of exactly the limit is accepted', async () => {
      expect((await api.call(...publish(sized(api.bodyBytes))())).status).to.equal(202)
    })
    it('64 levels of nesting are accepted, in a batch too', async () => {
      const raw = `{"type":"t","data":${nested(64)}}`
      expect((await api.call(...publish(raw)())).status).to.equal(202)
      expect((await api.call('POST', `${tenant}/messages/batch`, { raw: `{"messages":[${raw}]}` })).status).to.equal(202)
      expect(
        (await api.call('POST', `${tenant}/messages/batch`, { raw: `{"messages":[{"type":"t","data":${nested(65)}}]}` })).status,
      ).to.equal(400)
    })
    it('__proto__ inside data is data', async () => {
      const { body } = await api.call(...publish('{"type":"t","data":{"__proto__":{"a":1}}}')())
      expect((await api.call('GET', `${tenant}/messages/${body.id}`)).text).to.include('"data":{"__proto__":{"a":1}}')
    })
    it('a charset of UTF-8 and any case of the content type are accepted', async () => {
      const headers = { 'content-type': 'Application/JSON; charset=UTF-8' }
      expect((await api.call(...publish('{"type":"t","data":"ü"}', headers)())).status).to.equal(202)
    })
  })

  describe('in a message', () => {
    refuses('an unknown field', message({ priorty: 1 }), 400, 'priorty')
    refuses('a missing data', publish('{"type":"t"}'), 400, 'data')
    for (const type of ['', 5, null, 'x'.repeat(201), 'a\nb', 'a\u2028b', '😀'.repeat(100)]) {
      refuses(`the type ${JSON.stringify(type).slice(0, 12)}`, message({ type }), 400, 'type')
    }
    for (const priority of [3, -1, 1.5, '1', null])
      refuses(`the priority ${JSON.stringify(priority)}`, message({ priority }), 400, 'priority')
    for (const key of ['', 'x'.repeat(201), 7]) refuses(`the key ${JSON.stringify(key).slice(0, 12)}`, message({ key }), 400, 'key')
    for (const id of ['1', 7, null, '00000000-0000-0000-0000-000000000000']) refuses(`the id ${id}`, message({ id }), 400, 'id')
    for (const at of ['tomorrow', '2026-02-30T00:00:00Z', '2026-02-03T00:00:00', '2026-02-03', '1e9', 5, null, []])
      refuses(`scheduled_at ${JSON.stringify(at)}`, message({ scheduled_at: at }), 400, 'scheduled_at')
    refuses('a schedule more than a year ahead', message({ scheduled_at: '2999-01-01T00:00:00Z' }), 422, 'scheduled_at')
    refuses('a NUL', message({ data: { a: ['\u0000'] } }), 400, 'data.a[0]')
    refuses('a NUL in the type', message({ type: 'a\u0000' }), 400, 'type')
    refuses('a lone surrogate', publish('{"type":"t","data":{"a":"\\ud800"}}'), 400, 'data.a')
    refuses('a lone surrogate in a key of data', publish('{"type":"t","data":{"\\udc00":1}}'), 400, 'data (a key)')
    refuses('a number out of range', publish('{"type":"t","data":1e999}'), 400, 'data')
    refuses('a huge key that holds a NUL', publish(`{"${'k'.repeat(900_000)}":"\\u0000"}`), 400, `${'k'.repeat(200)}…`)
    refuses(
      'a wrong type in a batch',
      () => [
        'POST',
        `${tenant}/messages/batch`,
        {
          json: {
            messages: [
              { type: 't', data: 1 },
              { type: 5, data: 1 },
            ],
          },
        },
      ],
      400,
      'messages[1].type',
    )
    for (const key of ['', ' ', 'x'.repeat(256), 'schlüssel', 'a\tb']) {
      const json = { type: 't', data: 1 }
      const headers = { 'idempotency-key': key }
      const name = JSON.stringify(key).slice(0, 12)
      refuses(`the Idempotency-Key ${name}`, () => ['POST', `${tenant}/messages`, { json, headers }], 400, 'Idempotency-Key')
      refuses(
        `the Idempotency-Key ${name} of a batch`,
        () => ['POST', `${tenant}/messages/batch`, { json: { messages: [json] }, headers }],
        400,
        'Idempotency-Key',
      )
    }
    const future = { type: 't', data: 1, scheduled_at: '2999-01-01T00:00:00Z' }
    const messages = [{ type: 't', data: 1 }, future]
    refuses(
      'a schedule too far ahead in a batch',
      () => ['POST', `${tenant}/messages/batch`, { json: { messages } }],
      422,
      'messages[1].scheduled_at',
    )
    refuses('a schedule too far ahead at the creation of a tenant', create({ name: 'far', messages }), 422, 'messages[1].scheduled_at')
    const id = '0199aaaa-0000-7000-8000-00000000000a'
    refuses(
      'an id twice in a batch',
      () => [
        'POST',
        `${tenant}/messages/batch`,
        {
          json: {
            messages: [
              { id, type: 't', data: 1 },
              { id: id.toUpperCase(), type: 't', data: 1 },
            ],
          },
        },
      ],
      400,
      'messages[1].id',
    )
  })

  describe('in a tenant', () => {
    for (const name of ['', '   ', 5, null, 'x'.repeat(201), 'a\u0000b', '\ud800'])
      refuses(`the name ${JSON.stringify(name).slice(0, 12)}`, create({ name }), 400, 'name')
    for (const workers of [0, 51, 2.5, '5', null]) {
      refuses(`${JSON.stringify(workers)} workers`, create({ workers }), 400, 'workers')
      refuses(
        `a concurrency of ${JSON.stringify(workers)}`,
        () => ['PUT', `${tenant}/config/concurrency`, { json: { workers } }],
        400,
        'workers',
      )
    }
    refuses('a status that only the engine sets', () => ['PUT', tenant, { json: { status: 'deleting' } }], 400, 'status')
    refuses('the status drained at creation', create({ status: 'drained' }), 400, 'status')
    refuses('an unknown field', create({ workerz: 1 }), 400, 'workerz')
    refuses('a description of 2001 characters', create({ description: 'x'.repeat(2001) }), 400, 'description')
    refuses('a config that is a list', create({ config: [] }), 400, 'config')
    refuses('a config of more than 64 KiB', create({ config: { a: 'x'.repeat(65_536) } }), 400, 'config')
    refuses('a change of nothing', () => ['PATCH', tenant, { json: {} }], 400, '')
    refuses('a change of an id', () => ['PUT', tenant, { json: { id: 'x' } }], 400, 'id')
    refuses('the mode keep', () => ['DELETE', `${tenant}?mode=keep`], 400, 'mode')
    refuses('a deadline of -1', () => ['DELETE', `${tenant}?deadline_ms=-1`], 400, 'deadline_ms')
  })

  describe('in a path or a query', () => {
    refuses('a tenant id that is none', get('/v1/tenants/abc'), 400, 'id')
    refuses('a broken percent encoding', get('/v1/tenants/%ZZ'), 400)
    for (const limit of ['0', '201', '1000000000', 'abc', '2.5', '-1', '', '1e1', '%00'])
      refuses(`the limit ${limit}`, get(`/v1/messages?limit=${limit}`), 400, 'limit')
    refuses('a limit given twice', get('/v1/messages?limit=1&limit=2'), 400, 'limit')
    refuses('an unknown parameter', get('/v1/messages?page=2'), 400, 'page')
    refuses('a parameter where there is none', () => ['GET', `${tenant}/stats?x=1`], 400, 'x')
    refuses(
      'a parameter of a write that has none',
      () => ['POST', `${tenant}/messages?dry_run=1`, { json: { type: 't', data: 1 } }],
      400,
      'dry_run',
    )
    refuses('scheduled messages of nobody', get('/v1/messages?status=scheduled'), 400, 'tenant_id')
    for (const method of ['GET', 'DELETE'])
      refuses(`${method} of a message id that is none`, () => [method, `${tenant}/messages/abc`], 400, 'mid')
    refuses('a status that is none', get('/v1/messages?status=queued'), 400, 'status')
    refuses('a NUL in a search', get('/v1/tenants?q=%00'), 400, 'q')
    refuses('a time that is none', get('/v1/messages?since=yesterday'), 400, 'since')
    refuses('a time before 1970', get('/v1/messages?since=0000-01-01T00:00:00Z'), 400, 'since')
    refuses('a tenant_id that is none', get('/v1/messages?tenant_id=x'), 400, 'tenant_id')
    for (const cursor of ['abc123', '123', '%00', '']) refuses(`the cursor ${cursor}`, get(`/v1/messages?cursor=${cursor}`), 400, 'cursor')
    refuses('an unknown route', get('/v1/nothing'), 404)
    refuses('a method the path has not', () => ['PATCH', `${tenant}/messages`], 405)
  })

  it('the methods of a path are listed where another is refused, and by OPTIONS', async () => {
    expect((await api.call('DELETE', `${tenant}/messages`)).headers.get('allow')).to.equal('POST, GET, HEAD')
    const options = await api.call('OPTIONS', tenant)
    expect([options.status, options.headers.get('allow')]).to.deep.equal([204, 'GET, PUT, PATCH, DELETE, HEAD'])
  })
})

/** A message of exactly so many bytes. */
function sized(bytes: number): string {
  const empty = '{"type":"t","data":""}'
  return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`)
}
