import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { readinessAnswer } from '../../../src/http/schemas/system.ts'
import { startApi } from './start-api.ts'

describe('the system routes', () => {
  it('answer without a token', async () => {
    await using api = await startApi()
    const ask = (path: string) => api.call('GET', path, { token: null })
    expect((await ask('/healthz')).body).to.deep.equal({ status: 'live', version: '1.2.3' })
    expect((await ask('/readyz')).status).to.equal(200)
    const metrics = await ask('/metrics')
    expect([metrics.text, metrics.headers.get('content-type')]).to.deep.equal(['up 1\n', 'text/plain; version=0.0.4'])
    expect((await ask('/openapi.json')).body.openapi).to.equal('3.1.0')
  })

  it('say what is not ready', async () => {
    await using api = await startApi()
    api.engine.ready = false
    const { status, body } = await api.call('GET', '/readyz')
    expect([status, readinessAnswer.parse(body).status, body.checks.broker.ok]).to.deep.equal([503, 'not_ready', false])
  })

  it('lead browsers to the documentation and programs to an index', async () => {
    await using api = await startApi()
    const browser = await api.call('GET', '/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }, token: null })
    expect([browser.status, browser.headers.get('location')]).to.deep.equal([302, '/docs/'])
    expect((await api.call('GET', '/', { token: null })).body).to.include({ name: 'tenantry', docs: '/docs' })
  })

  for (const path of ['/docs', '/swagger']) {
    it(`show Swagger UI at ${path}, with and without a slash, under a policy that its parts satisfy`, async () => {
      await using api = await startApi()
      const bare = await api.call('GET', path, { token: null })
      expect([bare.status, bare.headers.get('location')]).to.deep.equal([301, `${path}/`])
      const page = await api.call('GET', `${path}/`, { token: null })
      expect(page.status).to.equal(200)
      const policy = page.headers.get('content-security-policy') ?? ''
      expect(policy).to.include("script-src 'self'").and.not.include('upgrade-insecure-requests')
      const scripts = [...page.text.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)]
      expect(scripts).to.have.length(3)
      for (const [, attributes, inline] of scripts) {
        const source = /src="\.(\/[^"]+)"/.exec(attributes ?? '')?.[1]
        expect(inline?.trim()).to.equal('')
        expect((await api.call('GET', `${path}${source}`, { token: null })).status, source).to.equal(200)
      }
      expect((await api.call('GET', `${path}/swagger-ui-init.js`, { token: null })).text).to.include('"swaggerUrl": "/openapi.json"')
      expect((await api.call('GET', `${path}/nothing`, { token: null })).status).to.equal(404)
    })
  }
})

describe('every answer', () => {
  it('carries the request id: the client’s when it is sane, else a new one', async () => {
    await using api = await startApi()
    const ask = async (id: string) => (await api.call('GET', '/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id')
    expect(await ask('client-1')).to.equal('client-1')
    const [first, second] = [await ask('not sane'), await ask('x'.repeat(129))]
    expect(first)
      .to.match(/^[\w-]+$/)
      .and.not.equal(second)
  })

  it('has the few headers that matter and does not name its framework', async () => {
    await using api = await startApi()
    for (const path of ['/v1/tenants', '/v1/nothing']) {
      const { headers } = await api.call('GET', path)
      expect(headers.get('x-content-type-options')).to.equal('nosniff')
      expect(headers.get('cache-control')).to.equal('no-store')
      expect(headers.get('x-powered-by')).to.equal(null)
      expect(headers.get('etag')).to.equal(null)
    }
  })

  it('to HEAD is that of GET without its body', async () => {
    await using api = await startApi()
    const head = await api.call('HEAD', '/healthz')
    expect([head.status, head.text, head.headers.get('content-length')]).to.deep.equal([200, '', '35'])
  })
})

describe('faults of the engine', () => {
  it('that nobody expects are a 500 without a detail, logged once', async () => {
    await using api = await startApi()
    api.engine.fault = new Error('the password is hunter2')
    const { status, body, text } = await api.call('GET', '/v1/tenants')
    expect([status, body.code, body.detail]).to.deep.equal([500, 'internal', undefined])
    expect(text).to.not.include('hunter2')
    const errors = api.logged.filter(({ level }) => level === 'error')
    expect(errors).to.have.length(1)
    expect(errors[0]?.details).to.include({ request_id: body.request_id, error: api.engine.fault })
  })

  it('that pass are a 503 with Retry-After', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    api.engine.fault = new AppError('broker.unknown_outcome', 'no confirm', { retryable: true, details: { ids: [id] } })
    const { status, body, headers } = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    expect([status, headers.get('retry-after')]).to.deep.equal([503, '1'])
    expect(body.detail).to.include('repeat with the same `ids`')
    expect(body).to.deep.include({ ids: [id] })
  })

  it('of a tenant that is being deleted are 404 for messages and 409 for changes', async () => {
    await using api = await startApi()
    const path = `/v1/tenants/${await api.createTenant()}`
    api.engine.fault = new AppError('tenant.deleting', 'going')
    expect((await api.call('POST', `${path}/messages`, { json: { type: 't', data: 1 } })).status).to.equal(404)
    expect((await api.call('PUT', path, { json: { name: 'n' } })).status).to.equal(409)
  })
})
