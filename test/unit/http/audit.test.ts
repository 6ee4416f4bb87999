import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { createApiRoutes } from '../../../src/http/routes/index.ts'
import { auditList } from '../../../src/http/schemas/audit.ts'
import { eventually } from '../../support/eventually.ts'
import { nobody } from './fill-path.ts'
import { createFailed } from './memory-failures.ts'
import { type Api, createMemoryApi, startApi } from './start-api.ts'

/** Those that change nothing to know about, or that note what they do themselves. */
const exempt = ['/tenants/{id}/messages', '/tenants/{id}/messages/batch', '/auth/refresh']

interface Change {
  /** Of the route, with real ids in it. */
  readonly path: string
  readonly json?: unknown
  readonly token?: string | null
  /** What stands in the log when it is not the route's action. */
  readonly action?: string
}

/** One request for every route that must leave a trace, against a tenant made for it. */
async function prepare(api: Api): Promise<Readonly<Record<string, () => Promise<Change>>>> {
  const id = await api.createTenant(`t-${Math.random()}`)
  const tenant = `/tenants/${id}`
  const post = async (path: string, json: object) => (await api.call('POST', `/v1${tenant}${path}`, { json })).body
  const user = () => post('/users', { username: `u-${Math.random()}`, role: 'viewer' })
  const key = () => post('/api-keys', { name: 'n', scopes: ['read'] })
  const failed = () => {
    const message = createFailed(id, api.engine.failed.length + 1)
    api.engine.failed.push(message)
    return `${tenant}/failed-messages/${message.id}`
  }
  const token = await api.tokenOf(id, 'viewer', 'ann')
  const changes: Record<string, () => Promise<Change>> = {
    'post /tenants': async () => ({ path: '/tenants', json: { name: `n-${Math.random()}` } }),
    'put /tenants/{id}': async () => ({ path: tenant, json: { description: 'd' } }),
    'patch /tenants/{id}': async () => ({ path: tenant, json: { description: 'e' } }),
    'delete /tenants/{id}': async () => ({ path: `/tenants/${await api.createTenant(`d-${Math.random()}`)}` }),
    'put /tenants/{id}/config': async () => ({ path: `${tenant}/config`, json: {} }),
    'put /tenants/{id}/config/concurrency': async () => ({ path: `${tenant}/config/concurrency`, json: { workers: 5 } }),
    'delete /tenants/{id}/messages/{mid}': async () => {
      const scheduled = await post('/messages', { type: 't', data: 1, scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })
      return { path: `${tenant}/messages/${scheduled.id}` }
    },
    'post /tenants/{id}/failed-messages/retry': async () => ({ path: `${tenant}/failed-messages/retry`, json: { all: true } }),
    'post /tenants/{id}/failed-messages/discard': async () => ({ path: `${tenant}/failed-messages/discard`, json: { all: true } }),
    'delete /tenants/{id}/failed-messages/{fid}': async () => ({ path: failed() }),
    'post /tenants/{id}/failed-messages/{fid}/retry': async () => ({ path: `${failed()}/retry` }),
    'post /auth/login': async () => ({
      path: '/auth/login',
      json: { username: 'admin', password: 'password' },
      token: null,
      action: 'session.login',
    }),
    'post /auth/register': async () => {
      const { token: invitation } = await post('/invitations', { role: 'viewer' })
      const json = { username: `r-${Math.random()}`, password: 'a-password', invitation }
      return { path: '/auth/register', json, token: null, action: 'session.register' }
    },
    'post /auth/logout': async () => ({ path: '/auth/logout', token: await api.tokenOf(id, 'viewer') }),
    'post /auth/password': async () => ({
      path: '/auth/password',
      json: { current_password: 'a-password', new_password: 'a-password-2' },
      token: await api.tokenOf(id, 'viewer'),
    }),
    'delete /auth/sessions/{sid}': async () => {
      const { body } = await api.call('GET', '/v1/auth/sessions', { token })
      return { path: `/auth/sessions/${body.data[0].id}`, token }
    },
    'post /tenants/{id}/users': async () => ({ path: `${tenant}/users`, json: { username: 'new', role: 'viewer' } }),
    'put /tenants/{id}/users/{userId}': async () => ({ path: `${tenant}/users/${(await user()).id}`, json: { role: 'member' } }),
    'delete /tenants/{id}/users/{userId}': async () => ({ path: `${tenant}/users/${(await user()).id}` }),
    'post /tenants/{id}/invitations': async () => ({ path: `${tenant}/invitations`, json: { role: 'viewer' } }),
    'delete /tenants/{id}/invitations/{invitationId}': async () => ({
      path: `${tenant}/invitations/${(await post('/invitations', { role: 'viewer' })).id}`,
    }),
    'post /tenants/{id}/api-keys': async () => ({ path: `${tenant}/api-keys`, json: { name: 'n', scopes: ['read'] } }),
    'delete /tenants/{id}/api-keys/{keyId}': async () => ({ path: `${tenant}/api-keys/${(await key()).id}` }),
    'post /tenants/{id}/api-keys/{keyId}/rotate': async () => ({ path: `${tenant}/api-keys/${(await key()).id}/rotate`, json: {} }),
    'put /tenants/{id}/secrets/{name}': async () => ({ path: `${tenant}/secrets/a`, json: { value: 'v' } }),
    'delete /tenants/{id}/secrets/{name}': async () => {
      await api.call('PUT', `/v1${tenant}/secrets/b`, { json: { value: 'v' } })
      return { path: `${tenant}/secrets/b` }
    },
  }
  for (const verb of ['pause', 'resume', 'restart', 'drain']) {
    changes[`post /tenants/{id}/${verb}`] = async () => ({ path: `${tenant}/${verb}` })
  }
  return changes
}

describe('the audit log', () => {
  const routes = createApiRoutes(createMemoryApi().options).filter(({ method, path }) => method !== 'get' && !exempt.includes(path))
  let api: Api
  let changes: Readonly<Record<string, () => Promise<Change>>>
  before(async () => {
    api = await startApi()
    changes = await prepare(api)
  })
  after(() => api.server.close(0))

  for (const { method, path, action } of routes) {
    it(`notes ${method} ${path}`, async () => {
      const change = await changes[`${method} ${path}`]?.()
      if (!change) throw new Error('this route has no request here: add one, or it is not audited')
      const headers = { 'x-request-id': `of-${method}-${path.replaceAll(/[^a-z-]/gi, '.')}` }
      const { path: asked, json, token = api.adminToken } = change
      const answer = await api.call(method.toUpperCase(), `/v1${asked}`, { headers, token, ...(json === undefined ? {} : { json }) })
      expect(answer.status, answer.text).to.be.within(200, 299)
      const [entry] = (await api.audited()).filter(({ requestId }) => requestId === headers['x-request-id'])
      expect(entry?.action).to.equal(change.action ?? action)
      expect(entry?.address).to.equal('127.0.0.1')
      expect(entry?.doer.id).to.be.a('string')
    })
  }

  it('shows who changed what, before and after, without secrets', async () => {
    const id = await api.createTenant('redacted', { a: 1, smtp: { password: 'canary-1' } })
    const token = await api.tokenOf(id, 'owner', 'olga')
    await api.call('PUT', `/v1/tenants/${id}/config`, { json: { a: 2, smtp: { password: 'canary-2' } }, token })
    await api.call('PUT', `/v1/tenants/${id}/secrets/smtp`, { json: { value: 'canary-3' }, token })
    await api.call('POST', `/v1/tenants/${id}/users`, { json: { username: 'bob', role: 'viewer', password: 'canary-4' }, token })
    const { body, text } = await api.call('GET', `/v1/tenants/${id}/audit`, { token })
    const { data } = auditList.parse(body)
    expect(data.map(({ action }) => action)).to.deep.equal(['user.create', 'secret.put', 'tenant.change_config', 'tenant.create'])
    const hidden = { password: '[redacted]' }
    expect(data[2]).to.deep.include({
      before: { config: { a: 1, smtp: hidden } },
      after: { config: { a: 2, smtp: hidden } },
      resource: null,
    })
    expect(data[2]?.actor).to.include({ kind: 'tenant_user', name: 'olga' })
    expect(text).to.not.include('canary')
  })

  it('is listed by action, actor, resource and time, page by page', async () => {
    const id = await api.createTenant('listed')
    for (const verb of ['pause', 'resume', 'pause']) await api.call('POST', `/v1/tenants/${id}/${verb}`)
    await api.call('PUT', `/v1/tenants/${id}/secrets/a`, { json: { value: 'v' } })
    const path = `/v1/tenants/${id}/audit`
    const list = async (query: string) => auditList.parse((await api.call('GET', `${path}?${query}`)).body)
    expect((await list('action=tenant.pause')).data).to.have.length(2)
    expect((await list('resource=secret/a')).data).to.have.length(1)
    expect((await list('actor=admin')).data).to.have.length(5)
    expect((await list('actor=nobody')).data).to.have.length(0)
    expect((await list('since=2999-01-01T00:00:00Z')).data).to.have.length(0)
    expect((await list('until=2999-01-01T00:00:00Z')).data).to.have.length(5)
    const first = await list('limit=3')
    expect((await list(`limit=3&cursor=${first.next_cursor}`)).data).to.have.length(2)
    const platform = await api.call('GET', `/v1/audit?cursor=${first.next_cursor}`)
    expect(platform.body.errors[0].path).to.equal('cursor')
    expect(auditList.parse((await api.call('GET', '/v1/audit?limit=200')).body).data.map(({ tenant_id }) => tenant_id)).to.include(id)
  })

  it('has the deletion of a tenant among the platform’s entries', async () => {
    const id = await api.createTenant('short-lived')
    await api.call('DELETE', `/v1/tenants/${id}?mode=discard`)
    const { body } = await api.call('GET', `/v1/audit?resource=tenant/${id}`)
    expect(body.data[0]).to.deep.include({
      tenant_id: null,
      before: { name: 'short-lived' },
      after: { mode: 'discard', drained: 0, discarded: 4 },
    })
  })

  it('notes a change that is stored although the tenant has not followed yet', async () => {
    await using slow = await startApi()
    const id = await slow.createTenant()
    slow.engine.changeTenant = async () => {
      throw new AppError('tenant.not_converged', 'later')
    }
    const answer = await slow.call('POST', `/v1/tenants/${id}/pause`)
    expect([answer.status, answer.body.code]).to.deep.equal([503, 'tenant.not_converged'])
    await eventually(async () => (await slow.audited(id))[0]?.action === 'tenant.pause')
    expect((await slow.audited(id))[0]).to.deep.include({ before: { status: 'active' }, after: { status: 'paused' } })
  })

  it('notes a password that is stored although the sessions could not be ended', async () => {
    await using slow = await startApi()
    const id = await slow.createTenant()
    const token = await slow.tokenOf(id, 'viewer', 'ann')
    const [ann] = (await slow.identity.users.list(id, { limit: 1 })).items
    const { sessions } = slow.stores
    sessions.revokeAll = () => Promise.reject(new AppError('database.unavailable', 'away', { retryable: true }))
    const ways: readonly [string, string, object, string][] = [
      ['PUT', `/v1/tenants/${id}/users/${ann?.id}`, { password: 'another-password' }, slow.adminToken],
      ['POST', '/v1/auth/password', { current_password: 'another-password', new_password: 'a-third-password' }, token],
    ]
    for (const [index, [method, path, json, by]] of ways.entries()) {
      const answer = await slow.call(method, path, { json, token: by })
      expect([answer.status, answer.body.code]).to.deep.equal([503, 'database.unavailable'])
      const action = ['user.change', 'password.change'][index]
      await eventually(async () => (await slow.audited(id))[0]?.action === action)
      expect((await slow.audited(id))[0]?.resource).to.equal(`user/${ann?.id}`)
    }
  })

  it('that cannot be written leaves the answer as it is, and the whole entry in the log', async () => {
    const { options } = createMemoryApi()
    const audit = { ...options.audit, add: () => Promise.reject(new AppError('database.unavailable', 'away')) }
    await using deaf = await startApi({ audit })
    const id = await deaf.createTenant()
    expect((await deaf.call('PUT', `/v1/tenants/${id}/config`, { json: { password: 'canary' } })).status).to.equal(200)
    const lost = deaf.logged.filter(({ message }) => message === 'an audit entry could not be written')
    expect(lost.map(({ level }) => level)).to.deep.equal(['error', 'error'])
    expect(lost[1]?.details.entry).to.deep.include({ action: 'tenant.change_config', after: { config: { password: '[redacted]' } } })
    expect(JSON.stringify(lost)).to.not.include('canary')
  })

  it('says nothing of a request that was refused', async () => {
    await api.call('POST', `/v1/tenants/${nobody}/pause`, { headers: { 'x-request-id': 'refused' } })
    expect((await api.audited()).filter(({ requestId }) => requestId === 'refused')).to.deep.equal([])
  })
})
