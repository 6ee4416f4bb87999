import { expect } from 'chai'
import type { TenantRole } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Limiter } from '../../../src/http/edge/limiter.ts'
import { Refusal } from '../../../src/http/request/refusal.ts'
import { createApiRoutes } from '../../../src/http/routes/index.ts'
import { fill, nobody } from './fill-path.ts'
import { createMemoryApi, startApi } from './start-api.ts'

const routes = createApiRoutes(createMemoryApi().options)

describe('credentials', () => {
  it('are required by every route but those that give them', async () => {
    await using api = await startApi()
    for (const { method, path, action } of routes) {
      if (action === 'public') continue
      for (const token of [null, 'a.b.c', `${api.adminToken}x`]) {
        const answer = await api.call(method.toUpperCase(), `/v1${fill(path, nobody)}`, { token })
        expect(answer.status, `${method} ${path}`).to.equal(401)
        expect(answer.headers.get('www-authenticate')).to.equal('Bearer realm="tenantry"')
      }
    }
    const open = routes.filter(({ action }) => action === 'public').map(({ path }) => path)
    expect(open).to.deep.equal(['/auth/login', '/auth/refresh', '/auth/register'])
  })

  it('count against their address when they are wrong, and against their holder when they are good', async () => {
    const taken: unknown[] = []
    const limiter: Limiter = {
      take: (group, { principal, address, tenantId, points }) => {
        taken.push([group, principal?.kind, address, tenantId, points])
        return { 'ratelimit-policy': 'as told' }
      },
    }
    await using api = await startApi({ limiter })
    const id = await api.createTenant()
    const messages = [1, 2, 3].map((data) => ({ type: 't', data }))
    taken.length = 0
    await api.call('GET', '/v1/tenants', { token: 'wrong' })
    await api.call('POST', '/v1/auth/login', { token: null, json: { username: 'a', password: 'b' } })
    const published = await api.call('POST', `/v1/tenants/${id}/messages/batch`, { json: { messages } })
    await api.call('GET', '/healthz', { token: null })
    expect(taken).to.deep.equal([
      ['management', undefined, '127.0.0.1', undefined, 1],
      ['management', undefined, '127.0.0.1', undefined, 1],
      ['publish', 'admin', '127.0.0.1', id, 3],
    ])
    expect(published.headers.get('ratelimit-policy')).to.equal('as told')
  })

  it('are answered with 429 when the limiter says so, before the body is looked at', async () => {
    const limiter: Limiter = {
      take: () => {
        throw new Refusal('request.rate_limited', 'Slow down.', { headers: { 'retry-after': '1' } })
      },
    }
    await using api = await startApi({ limiter })
    for (const token of [api.adminToken, 'wrong']) {
      const answer = await api.call('POST', '/v1/tenants', { raw: '{"no', token })
      expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).to.deep.equal([429, 'request.rate_limited', '1'])
    }
  })
})

describe('authorization', () => {
  it('makes another tenant look exactly like one that does not exist, on every route', async () => {
    await using api = await startApi()
    const [own, other] = [await api.createTenant('own'), await api.createTenant('other')]
    const token = await api.tokenOf(own, 'owner')
    const about = routes.filter(({ path }) => path.startsWith('/tenants/{id}'))
    expect(about).to.have.length.greaterThan(30)
    for (const { method, path } of about) {
      const ask = (id: string) =>
        api.call(method.toUpperCase(), `/v1${fill(path, id)}`, {
          token,
          headers: { 'x-request-id': 'same' },
        })
      const [theirs, missing] = [await ask(other), await ask(nobody)]
      expect(theirs.status, `${method} ${path}`).to.equal(404)
      expect(theirs.text).to.equal(missing.text)
    }
    expect((await api.call('GET', `/v1/tenants/${other}`)).status).to.equal(200)
  })

  it('gives an admin the same answer for a tenant that does not exist', async () => {
    await using api = await startApi()
    const own = await api.createTenant('own')
    const token = await api.tokenOf(own, 'owner')
    const headers = { 'x-request-id': 'same' }
    const [user, admin] = [
      await api.call('GET', `/v1/tenants/${nobody}`, { token, headers }),
      await api.call('GET', `/v1/tenants/${nobody}`, { headers }),
    ]
    expect(user.text).to.equal(admin.text)
  })

  it('lists to a tenant user the messages of their tenant alone', async () => {
    await using api = await startApi()
    const [own, other] = [await api.createTenant('own'), await api.createTenant('other')]
    for (const id of [own, other]) await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
    const token = await api.tokenOf(own, 'viewer')
    for (const path of ['/v1/messages', `/v1/messages?tenant_id=${own}`]) {
      const { body } = await api.call('GET', path, { token })
      expect(body.data.map(({ tenant_id }: { tenant_id: TenantId }) => tenant_id)).to.deep.equal([own])
    }
    expect((await api.call('GET', `/v1/messages?tenant_id=${other}`, { token })).status).to.equal(404)
  })

  const forbidden: readonly [TenantRole, string, string][] = [
    ['owner', 'POST', '/v1/tenants'],
    ['owner', 'GET', '/v1/tenants'],
    ['operator', 'DELETE', '/v1/tenants/{id}'],
    ['member', 'PUT', '/v1/tenants/{id}/config/concurrency'],
    ['viewer', 'POST', '/v1/tenants/{id}/messages'],
    ['viewer', 'DELETE', '/v1/tenants/{id}/messages/x'],
    ['member', 'POST', '/v1/tenants/{id}/failed-messages/retry'],
    ['member', 'POST', '/v1/tenants/{id}/failed-messages/discard'],
    ['member', 'DELETE', '/v1/tenants/{id}/failed-messages/x'],
    ['member', 'POST', '/v1/tenants/{id}/failed-messages/x/retry'],
    ['owner', 'GET', '/v1/retry/stats'],
    ['owner', 'GET', '/v1/audit'],
    ['owner', 'GET', '/v1/erasures'],
    ['operator', 'GET', '/v1/tenants/{id}/audit'],
    ['operator', 'GET', '/v1/tenants/{id}/export'],
    ['operator', 'GET', '/v1/tenants/{id}/secrets'],
    ['operator', 'POST', '/v1/tenants/{id}/users'],
    ['operator', 'POST', '/v1/tenants/{id}/api-keys'],
    ['operator', 'POST', '/v1/tenants/{id}/invitations'],
    ['member', 'GET', '/v1/tenants/{id}/users'],
  ]
  for (const [role, method, path] of forbidden) {
    it(`answers 403 to ${method} ${path} by a ${role}`, async () => {
      await using api = await startApi()
      const tenantId = await api.createTenant()
      const token = await api.tokenOf(tenantId, role)
      const { status, body } = await api.call(method, path.replace('{id}', tenantId), { token })
      expect([status, body.code]).to.deep.equal([403, 'auth.forbidden'])
    })
  }

  it('gives an API key what its scopes allow, of its own tenant, and nothing else', async () => {
    await using api = await startApi()
    const [own, other] = [await api.createTenant('own'), await api.createTenant('other')]
    const headers = { 'x-api-key': await api.keyOf(own, 'publish') }
    const ask = (method: string, path: string, json?: unknown) =>
      api.call(method, path, { token: null, headers, ...(json === undefined ? {} : { json }) })
    const message = { type: 't', data: 1 }
    expect((await ask('POST', `/v1/tenants/${own}/messages`, message)).status).to.equal(202)
    const refused = await ask('GET', `/v1/tenants/${own}/messages`)
    expect([refused.status, refused.body.detail]).to.deep.equal([403, 'Your key’s scopes do not allow message.list.'])
    expect((await ask('POST', `/v1/tenants/${other}/messages`, message)).status).to.equal(404)
    expect((await ask('GET', '/v1/auth/me')).body).to.include({ api_key: 'machine', tenant_id: own })
    expect((await ask('POST', '/v1/auth/logout')).status).to.equal(403)
    const reader = { 'x-api-key': await api.keyOf(own, 'read') }
    const listed = await api.call('GET', '/v1/messages', { token: null, headers: reader })
    expect(listed.body.data.map(({ tenant_id }: { tenant_id: TenantId }) => tenant_id)).to.deep.equal([own])
  })

  it('runs every request for the tenant that it may see', async () => {
    await using api = await startApi()
    const own = await api.createTenant('own')
    const token = await api.tokenOf(own, 'owner')
    const scopeOf = async (path: string, as?: string) => {
      api.scopes.length = 0
      await api.call('GET', path, as === undefined ? {} : { token: as })
      return api.scopes
    }
    expect(await scopeOf('/v1/messages', token)).to.deep.equal([own])
    expect(await scopeOf(`/v1/tenants/${own}`)).to.deep.equal([own])
    expect(await scopeOf('/v1/tenants')).to.deep.equal([undefined])
  })

  it('refuses an operator who changes payload_visibility, and lets an owner', async () => {
    await using api = await startApi()
    const id = await api.createTenant('acme', { payload_visibility: 'none', a: 1 })
    const [operator, owner] = [await api.tokenOf(id, 'operator'), await api.tokenOf(id, 'owner')]
    const put = (token: string, json: object) => api.call('PUT', `/v1/tenants/${id}/config`, { token, json })
    for (const json of [{ payload_visibility: 'all', a: 1 }, { a: 1 }]) expect((await put(operator, json)).status).to.equal(403)
    expect((await put(operator, { payload_visibility: 'none', a: 2 })).status).to.equal(200)
    expect((await put(owner, { a: 2 })).status).to.equal(200)
    expect((await put(operator, { payload_visibility: 'everybody' })).status).to.equal(400)
  })

  it('keeps payload_visibility from an operator who is slower than an owner', async () => {
    await using api = await startApi()
    const id = await api.createTenant('acme', { a: 1 })
    const operator = await api.tokenOf(id, 'operator')
    const { changeTenant } = api.engine
    let overtaken = false
    api.engine.changeTenant = async (...change) => {
      if (!overtaken) await changeTenant(id, { config: { payload_visibility: 'none' } })
      overtaken = true
      return changeTenant(...change)
    }
    const slow = await api.call('PUT', `/v1/tenants/${id}/config`, { token: operator, json: { a: 2 } })
    expect(slow.status).to.equal(403)
    expect(await api.engine.tenantConfig(id)).to.deep.equal({ payload_visibility: 'none' })
  })
})
