import { expect } from 'chai'
import { erasureList } from '../../../src/http/schemas/erasure.ts'
import {
  concurrencyAnswer,
  deletionAnswer,
  drainingTenant,
  tenantList,
  tenantSchema,
  tenantStatsSchema,
} from '../../../src/http/schemas/tenant.ts'
import { nobody } from './fill-path.ts'
import { startApi } from './start-api.ts'

describe('the tenant routes', () => {
  for (const prefix of ['/v1', '/api', '']) {
    it(`create a tenant under ${prefix || 'the root'} and say where it is`, async () => {
      await using api = await startApi()
      const created = await api.call('POST', `${prefix}/tenants`, { json: { name: 'acme-corp', max_workers: 5 } })
      expect(created.status).to.equal(201)
      const tenant = tenantSchema.parse(created.body)
      expect(tenant).to.include({ name: 'acme-corp', workers: 5, max_workers: 5, status: 'active', description: null })
      expect(created.headers.get('location')).to.equal(`${prefix}/tenants/${tenant.id}`)
      expect(created.headers.get('etag')).to.equal('"1"')
      const read = await api.call('GET', created.headers.get('location') ?? '')
      expect(read.body).to.deep.equal(tenant)
    })
  }

  it('accept the bodies of the seeds', async () => {
    await using api = await startApi()
    const json = { name: 'Test Partition', description: 'Test tenant for partition verification', status: 'active' }
    const { status, body } = await api.call('POST', '/api/tenants', { json })
    expect([status, body.description]).to.deep.equal([201, json.description])
    const resized = await api.call('PUT', `/api/tenants/${body.id}/config/concurrency`, { json: { workers: 5 } })
    expect(resized.status).to.equal(200)
    expect(concurrencyAnswer.parse(resized.body)).to.deep.equal({ tenant_id: body.id, workers: 5, previous_workers: 3, current_workers: 5 })
    const deleted = await api.call('DELETE', `/api/tenants/${body.id}`)
    expect(deleted.status).to.equal(200)
    const { certificate, ...counts } = deletionAnswer.parse(deleted.body)
    expect(counts).to.deep.equal({ id: body.id, status: 'deleted', drained: 30_000, discarded: 0 })
    expect(certificate).to.deep.include({ tenant_id: body.id, places: [{ name: 'users', kind: 'table', found: 2, left: 0 }] })
    expect((await api.call('GET', `/api/tenants/${body.id}`)).status).to.equal(404)
  })

  it('publish the messages given at creation', async () => {
    await using api = await startApi()
    const messages = [
      { type: 'a', data: 1 },
      { type: 'b', data: null, priority: 2, key: 'k' },
    ]
    expect((await api.call('POST', '/v1/tenants', { json: { name: 'x', messages } })).status).to.equal(201)
    expect(api.engine.messages.map(({ type, data, priority, key }) => ({ type, data, priority, key }))).to.deep.equal([
      { type: 'b', data: null, priority: 2, key: 'k' },
      { type: 'a', data: 1, priority: 0, key: null },
    ])
  })

  it('accept workers and max_workers together when they are equal', async () => {
    await using api = await startApi()
    expect((await api.call('POST', '/v1/tenants', { json: { name: 'a', workers: 4, max_workers: 4 } })).body.workers).to.equal(4)
    const refused = await api.call('POST', '/v1/tenants', { json: { name: 'b', workers: 4, max_workers: 5 } })
    expect([refused.status, refused.body.errors[0].path]).to.deep.equal([400, 'max_workers'])
  })

  it('change a tenant by PUT and PATCH, and leave the rest as it is', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    await api.call('PUT', `/v1/tenants/${id}`, { json: { description: 'd', config: { a: 1 } } })
    const { body } = await api.call('PATCH', `/v1/tenants/${id}`, { json: { name: '  new  ', status: 'paused' } })
    expect(body).to.include({ name: 'new', description: 'd', status: 'paused' })
    expect((await api.call('GET', `/v1/tenants/${id}/config`)).body).to.deep.equal({ a: 1 })
  })

  it('let platform admins alone rename a tenant: an owner would learn which names are taken', async () => {
    await using api = await startApi()
    const id = await api.createTenant('acme')
    const token = await api.tokenOf(id, 'owner')
    for (const method of ['PUT', 'PATCH']) {
      const renamed = await api.call(method, `/v1/tenants/${id}`, { json: { name: 'globex' }, token })
      expect([renamed.status, renamed.body.code]).to.deep.equal([403, 'auth.forbidden'])
      const kept = await api.call(method, `/v1/tenants/${id}`, { json: { name: 'acme', description: method }, token })
      expect([kept.status, kept.body.description]).to.deep.equal([200, method])
    }
    expect((await api.call('PATCH', `/v1/tenants/${id}`, { json: { name: 'globex' } })).body.name).to.equal('globex')
  })

  it('keep a configuration as it is, with a retry policy, a retention and what the handlers want', async () => {
    await using api = await startApi()
    const path = `/v1/tenants/${await api.createTenant()}/config`
    const parts = { attempts: 100, base_ms: 0, factor: 1.5, cap_ms: 2_592_000_000, immediate_retries: 5, order: 'latest' }
    const config = {
      retry: {
        default: 'none',
        types: { email: { delays_ms: [0, 2_592_000_000] }, sms: { ...parts, non_retryable: ['TypeError'] }, push: {} },
      },
      retention: { messages_days: null, failures_days: 3650 },
      webhook: { url: 'https://example.com', retry: 'any' },
    }
    const raw = JSON.stringify(config).replace('{', '{"__proto__":{"a":1},')
    expect((await api.call('PUT', path, { raw })).status).to.equal(200)
    expect((await api.call('GET', path)).text).to.equal(raw)
    for (const json of [{}, { retry: {} }, { retention: { messages_days: 0 } }]) {
      expect((await api.call('PUT', path, { json })).body).to.deep.equal(json)
    }
  })

  it('refuse a change whose If-Match is not the present version', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const change = (ifMatch: string, path = '') =>
      api.call('PUT', `/v1/tenants/${id}${path}`, { json: { name: 'n' }, headers: { 'if-match': ifMatch } })
    expect([(await change('"1"')).status, (await change('"1"')).status]).to.deep.equal([200, 412])
    expect((await change('*')).headers.get('etag')).to.equal('"3"')
    expect((await change('"3"', '/config')).headers.get('etag')).to.equal('"4"')
    expect((await change('"3"', '/config')).body.code).to.equal('tenant.version_mismatch')
    expect((await change('W/"4"')).body.errors[0].path).to.equal('If-Match')
  })

  it('list tenants page by page, newest first', async () => {
    await using api = await startApi()
    for (let index = 0; index < 5; index++) await api.createTenant(`t${index}`)
    const names: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const { body } = await api.call('GET', `/v1/tenants?limit=2${cursor && `&cursor=${cursor}`}`)
      const page = tenantList.parse(body)
      names.push(...page.data.map(({ name }) => name))
      cursor = page.next_cursor
    }
    expect(names).to.deep.equal(['t4', 't3', 't2', 't1', 't0'])
    expect((await api.call('GET', '/v1/tenants?q=t3&status=active')).body.data).to.have.length(1)
  })

  it('pause, resume, restart and drain', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const act = (verb: string, json?: unknown) => api.call('POST', `/v1/tenants/${id}/${verb}`, json === undefined ? {} : { json })
    expect((await act('pause')).body.status).to.equal('paused')
    expect((await act('resume', {})).body.status).to.equal('active')
    expect((await act('restart')).status).to.equal(200)
    expect((await act('pause', { now: true })).body.errors[0]).to.deep.equal({ path: 'now', message: 'unknown field' })
    const drained = await act('drain')
    expect(drained.status).to.equal(202)
    expect(drainingTenant.parse(drained.body)).to.deep.include({ status: 'drained', remaining: { ready: 7, in_flight: 2 } })
  })

  it('show a tenant’s statistics', async () => {
    await using api = await startApi()
    const { body } = await api.call('GET', `/v1/tenants/${await api.createTenant()}/stats`)
    const circuits = [{ destination: 'example.com', state: 'open', until: '2023-11-14T22:14:20.000Z', reason: '5 of 5 failed' }]
    const queue = { ready: 1, unacked: null, dlq: 0 }
    expect(tenantStatsSchema.parse(body)).to.deep.include({ queue, in_flight: 2, rate_1m: 0.5, circuits })
  })

  it('delete with the mode and the deadline that are asked for', async () => {
    await using api = await startApi()
    const drained = await api.call('DELETE', `/v1/tenants/${await api.createTenant()}?deadline_ms=5`)
    expect(drained.body.drained).to.equal(5)
    const discarded = await api.call('DELETE', `/v1/tenants/${await api.createTenant()}?mode=discard`)
    expect(discarded.body.discarded).to.equal(4)
  })

  it('list deleted tenants with their certificates, to platform admins', async () => {
    await using api = await startApi()
    const ids = [await api.createTenant('a'), await api.createTenant('b')]
    for (const id of ids) await api.call('DELETE', `/v1/tenants/${id}?mode=discard`)
    const first = erasureList.parse((await api.call('GET', '/v1/erasures?limit=1')).body)
    const second = erasureList.parse((await api.call('GET', `/v1/erasures?limit=1&cursor=${first.next_cursor}`)).body)
    expect([...first.data, ...second.data].map(({ tenant_id }) => tenant_id)).to.deep.equal(ids.toReversed())
    expect(second.next_cursor).to.equal(null)
    const one = await api.call('GET', `/v1/erasures/${ids[0]}`)
    expect([one.status, one.body]).to.deep.equal([200, second.data[0]])
    expect((await api.call('GET', `/v1/erasures/${nobody}`)).status).to.equal(404)
    expect((await api.call('GET', '/v1/erasures/x')).body.errors[0].path).to.equal('tenantId')
  })

  it('name the field when a name is taken', async () => {
    await using api = await startApi()
    await api.createTenant('acme')
    const { status, body } = await api.call('POST', '/v1/tenants', { json: { name: 'acme' } })
    expect([status, body.code, body.errors[0].path]).to.deep.equal([409, 'tenant.name_taken', 'name'])
  })
})
