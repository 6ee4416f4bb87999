import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { callerSchema, loginAnswer } from '../../../src/http/schemas/auth.ts'
import { eventually } from '../../support/eventually.ts'
import { type Api, startApi } from './start-api.ts'

const logIn = (api: Api, username: string, password: string, tenant_id?: string) =>
  api.call('POST', '/v1/auth/login', { json: { username, password, ...(tenant_id ? { tenant_id } : {}) }, token: null })

describe('the authentication routes', () => {
  it('answer a login with tokens that work, and accept the body of the seeds', async () => {
    await using api = await startApi()
    const { status, body, headers } = await logIn(api, 'admin', 'password', 'your-tenant-id')
    expect(status).to.equal(200)
    const { user } = loginAnswer.parse(body)
    expect(body).to.deep.include({ token_type: 'Bearer', expires_in: 600 })
    expect(user).to.include({ username: 'admin', role: 'admin', tenant_id: null })
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(callerSchema.parse((await api.call('GET', '/v1/auth/me', { token: body.token })).body)).to.deep.equal(user)
  })

  it('answer an unknown tenant, an unknown user and a wrong password alike, note each, and throttle them', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    await api.tokenOf(id, 'member', 'ann')
    const unknown = '01990000-0000-7000-8000-00000000dead'
    const refusals = [
      await logIn(api, 'ann', 'wrong', id),
      await logIn(api, 'bob', 'wrong', id),
      await logIn(api, 'ann', 'wrong', unknown),
      await logIn(api, 'ann', 'wrong'),
    ]
    for (const { status, body } of refusals) {
      expect(status).to.equal(401)
      expect({ ...body, request_id: '' }).to.deep.equal({ ...refusals[0]?.body, request_id: '' })
    }
    const refused = async (tenantId?: TenantId) => (await api.audited(tenantId)).filter(({ action }) => action === 'session.login_refused')
    await eventually(async () => (await refused()).length === 4)
    expect((await refused(id)).map(({ doer }) => doer.name).toSorted()).to.deep.equal(['ann', 'bob'])
    expect((await refused()).find(({ resource }) => resource === `tenant/${unknown}`)?.tenantId).to.equal(null)
    expect(JSON.stringify(await refused())).to.not.include('wrong')

    for (let index = 0; index < 10; index++) await logIn(api, 'ann', 'wrong', id)
    const throttled = await logIn(api, 'ann', 'wrong', id)
    expect([throttled.status, throttled.body.code]).to.deep.equal([429, 'auth.throttled'])
    expect(Number(throttled.headers.get('retry-after'))).to.be.within(1, 60)
  })

  it('refresh a session once by each token, and end it when a token comes back', async () => {
    await using api = await startApi()
    const first = (await logIn(api, 'admin', 'password')).body
    const refresh = (refresh_token: string) => api.call('POST', '/v1/auth/refresh', { json: { refresh_token }, token: null })
    const second = await refresh(first.refresh_token)
    expect([second.status, second.body.user]).to.deep.equal([200, first.user])
    const reused = await refresh(first.refresh_token)
    expect([reused.status, reused.body.code]).to.deep.equal([401, 'auth.refused'])
    const made = await refresh('trt_made-up')
    expect({ ...made.body, request_id: '' }).to.deep.equal({ ...reused.body, request_id: '' })
    expect((await api.call('GET', '/v1/auth/me', { token: second.body.token })).status).to.equal(401)
    await eventually(async () => (await api.audited())[0]?.action === 'session.refresh_reused')
    expect((await api.audited())[0]).to.deep.include({ tenantId: null, doer: { kind: 'admin', id: first.user.id, name: 'admin' } })
  })

  it('list the own sessions, revoke one, and log out', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const token = await api.tokenOf(id, 'viewer', 'ann')
    const other = (await logIn(api, 'ann', 'a-password', id)).body.token
    const list = async () => (await api.call('GET', '/v1/auth/sessions', { token })).body.data
    const sessions = await list()
    expect(sessions.map(({ current }: { current: boolean }) => current)).to.deep.equal([false, true])
    expect((await api.call('DELETE', `/v1/auth/sessions/${sessions[0].id}`, { token })).status).to.equal(204)
    expect((await api.call('GET', '/v1/auth/me', { token: other })).status).to.equal(401)
    expect((await api.call('DELETE', `/v1/auth/sessions/${sessions[0].id}`, { token })).body.code).to.equal('session.missing')
    expect((await api.call('DELETE', '/v1/auth/sessions/x', { token })).body.errors[0].path).to.equal('sid')
    expect(await list()).to.have.length(1)
    expect((await api.call('POST', '/v1/auth/logout', { token })).status).to.equal(204)
    expect((await api.call('GET', '/v1/auth/me', { token })).status).to.equal(401)
    const noted = (await api.audited(id)).map(({ action, resource }) => [action, resource])
    expect(noted.slice(0, 2)).to.deep.equal([
      ['session.logout', `session/${sessions[1].id}`],
      ['session.revoke', `session/${sessions[0].id}`],
    ])
  })

  it('list the own sessions page by page, whatever ends meanwhile', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const token = await api.tokenOf(id, 'viewer', 'ann')
    for (let index = 0; index < 4; index++) await logIn(api, 'ann', 'a-password', id)
    const list = (query = '') => api.call('GET', `/v1/auth/sessions${query}`, { token })
    const all = (await list('?limit=200')).body
    expect([all.data.length, all.next_cursor]).to.deep.equal([5, null])
    const first = (await list('?limit=2')).body
    expect(first.data).to.deep.equal(all.data.slice(0, 2))
    for (const { id: ended } of first.data) await api.call('DELETE', `/v1/auth/sessions/${ended}`, { token })
    const second = (await list(`?limit=2&cursor=${first.next_cursor}`)).body
    const third = (await list(`?limit=2&cursor=${second.next_cursor}`)).body
    expect([...second.data, ...third.data]).to.deep.equal(all.data.slice(2))
    expect(third.next_cursor).to.equal(null)
    expect((await list('?cursor=x')).body.errors[0].path).to.equal('cursor')
  })

  it('change the own password for whoever knows it', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const token = await api.tokenOf(id, 'viewer', 'ann')
    const change = (current_password: string, new_password: string) =>
      api.call('POST', '/v1/auth/password', { json: { current_password, new_password }, token })
    const wrong = await change('another', 'a-new-password')
    expect([wrong.status, wrong.body.errors[0].path]).to.deep.equal([422, 'current_password'])
    expect((await change('a-password', 'short')).body.errors[0].path).to.equal('new_password')
    expect((await change('a-password', 'a-new-password')).status).to.equal(204)
    expect((await logIn(api, 'ann', 'a-new-password', id)).status).to.equal(200)
    expect((await logIn(api, 'ann', 'a-password', id)).status).to.equal(401)
    const actions = (await api.audited(id)).map(({ action }) => action)
    expect(actions).to.include.members(['password.change', 'password.change_refused'])
  })

  it('make a user of whoever has an invitation, once', async () => {
    await using api = await startApi()
    const id = await api.createTenant()
    const invited = await api.call('POST', `/v1/tenants/${id}/invitations`, { json: { role: 'operator' } })
    const register = (json: object) => api.call('POST', '/v1/auth/register', { json, token: null })
    const body = { username: 'ann', password: 'a-password', invitation: invited.body.token }
    const registered = await register(body)
    expect(registered.status).to.equal(201)
    expect(loginAnswer.parse(registered.body).user).to.include({ username: 'ann', role: 'operator', tenant_id: id })
    const again = await register({ ...body, username: 'bob' })
    expect([again.status, again.body.code, again.body.errors[0].path]).to.deep.equal([422, 'invitation.invalid', 'invitation'])
    const closed = await register({ username: 'bob', password: 'a-password', tenant_name: 'bobs' })
    expect([closed.status, closed.body.code]).to.deep.equal([403, 'registration.closed'])
    expect((await register({ ...body, tenant_name: 'both' })).body.errors[0].path).to.equal('invitation')
    const [entry] = (await api.audited(id)).filter(({ action }) => action === 'session.register')
    expect(entry).to.deep.include({ after: { username: 'ann', role: 'operator' } })
    expect(entry?.doer.name).to.equal('ann')
  })

  it('make a tenant and its owner where registration is open', async () => {
    await using api = await startApi({ registration: 'open' })
    const register = (username: string) =>
      api.call('POST', '/v1/auth/register', { json: { username, password: 'a-password', tenant_name: 'anns' }, token: null })
    expect((await register('ann')).body.user).to.include({ username: 'ann', role: 'owner' })
    const taken = await register('bob')
    expect([taken.status, taken.body.errors[0].path]).to.deep.equal([409, 'tenant_name'])
  })
})
