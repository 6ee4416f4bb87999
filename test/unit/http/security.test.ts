import { expect } from 'chai'
import type { TenantRole } from '../../../src/auth/index.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createApiRoutes } from '../../../src/http/routes/index.ts'
import { loginAnswer, userSchema } from '../../../src/http/schemas/auth.ts'
import { createMemoryEngine } from './memory-engine.ts'
import { startApi } from './start-api.ts'

const nobody = '01990000-0000-7000-8000-00000000dead'
const routes = createApiRoutes({ engine: createMemoryEngine(), login: async () => ({ kind: 'refused' }) })

describe('authentication', () => {
  it('is required by every route but the login', async () => {
    await using api = await startApi()
    for (const { method, path, action } of routes) {
      if (action === 'public') continue
      for (const token of [null, 'a.b.c', `${await api.tokenOf({ kind: 'admin', username: 'x' })}x`]) {
        const answer = await api.call(method.toUpperCase(), `/v1${path.replace('{id}', nobody).replace(/\{[mf]id\}/, nobody)}`, { token })
        expect(answer.status, `${method} ${path}`).to.equal(401)
        expect(answer.headers.get('www-authenticate')).to.equal('Bearer realm="tenantry"')
      }
    }
    expect(routes.filter(({ action }) => action === 'public').map(({ path }) => path)).to.deep.equal(['/auth/login'])
  })

  it('answers a login with a token that works, and accepts the body of the seeds', async () => {
    await using api = await startApi()
    const json = { tenant_id: 'your-tenant-id', username: 'admin', password: 'password' }
    const { status, body, headers } = await api.call('POST', '/v1/auth/login', { json, token: null })
    expect(status).to.equal(200)
    const user = { username: 'admin', role: 'admin', tenant_id: null }
    expect(loginAnswer.parse(body)).to.deep.include({ token_type: 'Bearer', expires_in: 600, user })
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(userSchema.parse((await api.call('GET', '/v1/auth/me', { token: body.token })).body)).to.deep.equal(user)
  })

  it('answers wrong credentials alike and throttles them', async () => {
    await using api = await startApi()
    const attempt = (username: string) => api.call('POST', '/auth/login', { json: { username, password: 'wrong' }, token: null })
    const [known, unknown] = [await attempt('admin'), await attempt('nobody')]
    expect(known.status).to.equal(401)
    expect({ ...known.body, request_id: '' }).to.deep.equal({ ...unknown.body, request_id: '' })
    for (let index = 0; index < 9; index++) await attempt('admin')
    const throttled = await attempt('admin')
    expect([throttled.status, throttled.body.code]).to.deep.equal([429, 'auth.throttled'])
    expect(Number(throttled.headers.get('retry-after'))).to.be.within(1, 60)
  })
})

describe('authorization', () => {
  it('makes another tenant look exactly like one that does not exist, on every route', async () => {
    await using api = await startApi()
    const [own, other] = [await api.createTenant('own'), await api.createTenant('other')]
    const token = await api.tokenOf({ kind: 'tenant_user', username: 'u', tenantId: own, role: 'owner' })
    const about = routes.filter(({ path }) => path.startsWith('/tenants/{id}'))
    expect(about).to.have.length.greaterThan(12)
    for (const { method, path } of about) {
      const ask = (id: string) =>
        api.call(method.toUpperCase(), `/v1${path.replace('{id}', id).replace(/\{[mf]id\}/, nobody)}`, {
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
    const token = await api.tokenOf({ kind: 'tenant_user', username: 'u', tenantId: own, role: 'owner' })
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
    const token = await api.tokenOf({ kind: 'tenant_user', username: 'u', tenantId: own, role: 'viewer' })
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
  ]
  for (const [role, method, path] of forbidden) {
    it(`answers 403 to ${method} ${path} by a ${role}`, async () => {
      await using api = await startApi()
      const tenantId = await api.createTenant()
      const token = await api.tokenOf({ kind: 'tenant_user', username: 'u', tenantId, role })
      const { status, body } = await api.call(method, path.replace('{id}', tenantId), { token })
      expect([status, body.code]).to.deep.equal([403, 'auth.forbidden'])
    })
  }
})
