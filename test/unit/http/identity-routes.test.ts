import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import {
  apiKeyList,
  createdApiKey,
  createdInvitation,
  createdUser,
  invitationList,
  userList,
  userSchema,
} from '../../../src/http/schemas/identity.ts'
import { secretList } from '../../../src/http/schemas/secret.ts'
import { nobody } from './fill-path.ts'
import { createRefuses } from './refuses.ts'
import { type Api, startApi } from './start-api.ts'

describe('the routes about who belongs to a tenant', () => {
  let api: Api
  let id: TenantId
  let tenant: string
  beforeEach(async () => {
    api = await startApi()
    id = await api.createTenant()
    tenant = `/v1/tenants/${id}`
  })
  afterEach(() => api.server.close(0))

  const post = (path: string, json: object) => api.call('POST', tenant + path, { json })

  describe('users', () => {
    it('are created with a password that is given, or generated and shown once', async () => {
      const given = await post('/users', { username: 'ann', password: 'a-password', role: 'owner' })
      expect([given.status, createdUser.parse(given.body).password]).to.deep.equal([201, undefined])
      expect(given.headers.get('location')).to.equal(`${tenant}/users/${given.body.id}`)
      const generated = createdUser.parse((await post('/users', { username: 'bob', role: 'viewer' })).body)
      const login = await api.call('POST', '/v1/auth/login', {
        json: { tenant_id: id, username: 'bob', password: generated.password },
        token: null,
      })
      expect(login.status).to.equal(200)
      const listed = await api.call('GET', `${tenant}/users`)
      expect(userList.parse(listed.body).data.map(({ username }) => username)).to.deep.equal(['bob', 'ann'])
      expect(listed.text).to.not.include('password')
    })

    it('are read, changed and removed', async () => {
      await post('/users', { username: 'ann', role: 'owner' })
      const { body } = await post('/users', { username: 'bob', role: 'viewer' })
      const path = `${tenant}/users/${body.id}`
      const changed = await api.call('PUT', path, { json: { role: 'member', password: 'another-password' } })
      expect([changed.status, userSchema.parse(changed.body).role]).to.deep.equal([200, 'member'])
      expect((await api.call('GET', path)).body).to.deep.equal(changed.body)
      expect((await api.call('DELETE', path)).status).to.equal(204)
      for (const method of ['GET', 'DELETE']) expect((await api.call(method, path)).body.code).to.equal('user.missing')
      expect((await api.call('GET', `/v1/tenants/${nobody}/users/${body.id}`)).body.code).to.equal('tenant.missing')
    })

    it('keep an owner, and their names apart', async () => {
      const { body } = await post('/users', { username: 'ann', role: 'owner' })
      const demoted = await api.call('PUT', `${tenant}/users/${body.id}`, { json: { role: 'viewer' } })
      expect([demoted.status, demoted.body.code]).to.deep.equal([409, 'user.last_owner'])
      const twin = await post('/users', { username: 'ann', role: 'viewer' })
      expect([twin.status, twin.body.errors[0].path]).to.deep.equal([409, 'username'])
      expect((await post('/users', { username: 'zo\u00eb', role: 'viewer' })).status).to.equal(201)
      expect((await post('/users', { username: 'zoe\u0308', role: 'viewer' })).status, 'the same name, spelled otherwise').to.equal(409)
    })

    it('are listed page by page, and not for a tenant that does not exist', async () => {
      for (const username of ['a', 'b', 'c']) await post('/users', { username, role: 'viewer' })
      const first = userList.parse((await api.call('GET', `${tenant}/users?limit=2`)).body)
      const second = userList.parse((await api.call('GET', `${tenant}/users?limit=2&cursor=${first.next_cursor}`)).body)
      expect([...first.data, ...second.data].map(({ username }) => username)).to.deep.equal(['c', 'b', 'a'])
      for (const list of ['users', 'invitations', 'api-keys', 'secrets', 'audit', 'export']) {
        expect((await api.call('GET', `/v1/tenants/${nobody}/${list}`)).body.code, list).to.equal('tenant.missing')
      }
    })
  })

  it('invitations are made, listed without their tokens, and taken back', async () => {
    const created = createdInvitation.parse((await post('/invitations', { role: 'viewer', username: 'ann', expires_in_hours: 1 })).body)
    expect(Date.parse(created.expires_at) - Date.parse(created.created_at)).to.equal(3_600_000)
    expect(created).to.include({ role: 'viewer', username: 'ann', invited_by: 'admin' })
    const listed = await api.call('GET', `${tenant}/invitations`)
    expect(invitationList.parse(listed.body).data.map((invitation) => invitation.id)).to.deep.equal([created.id])
    expect((await api.call('DELETE', `${tenant}/invitations/${created.id}`)).status).to.equal(204)
    expect((await api.call('DELETE', `${tenant}/invitations/${created.id}`)).body.code).to.equal('invitation.missing')
  })

  it('API keys are made, listed without themselves, rotated and revoked', async () => {
    const created = createdApiKey.parse(
      (await post('/api-keys', { name: 'ci', scopes: ['read'], expires_at: '2999-01-01T00:00:00Z' })).body,
    )
    expect(created.key.startsWith(created.prefix)).to.equal(true)
    const listed = await api.call('GET', `${tenant}/api-keys`)
    expect(apiKeyList.parse(listed.body).data.map(({ prefix }) => prefix)).to.deep.equal([created.prefix])
    const rotated = await post(`/api-keys/${created.id}/rotate`, { overlap_seconds: 0 })
    expect(rotated.status).to.equal(201)
    const next = createdApiKey.parse(rotated.body)
    const ask = async (key: string) => (await api.call('GET', tenant, { token: null, headers: { 'x-api-key': key } })).status
    expect([await ask(created.key), await ask(next.key)]).to.deep.equal([401, 200])
    expect((await api.call('DELETE', `${tenant}/api-keys/${next.id}`)).status).to.equal(204)
    expect(await ask(next.key)).to.equal(401)
    expect((await post(`/api-keys/${next.id}/rotate`, {})).body.code).to.equal('api_key.missing')
  })

  it('an API key is rotated once', async () => {
    const created = createdApiKey.parse((await post('/api-keys', { name: 'twice', scopes: ['read'] })).body)
    const rotate = () => post(`/api-keys/${created.id}/rotate`, { overlap_seconds: 60 })
    expect(await rotate()).to.have.property('status', 201)
    const again = await rotate()
    expect([again.status, again.body.code]).to.deep.equal([409, 'api_key.rotated'])
  })

  it('secrets are kept, listed by name without their values, and forgotten', async () => {
    const put = (value: string) => api.call('PUT', `${tenant}/secrets/smtp`, { json: { value } })
    for (const value of ['first', 'line 1\nline 2']) expect((await put(value)).status).to.equal(204)
    const listed = await api.call('GET', `${tenant}/secrets`)
    expect(secretList.parse(listed.body).data.map(({ name }) => name)).to.deep.equal(['smtp'])
    expect(listed.text).to.not.include('line 1')
    const remove = () => api.call('DELETE', `${tenant}/secrets/smtp`)
    expect([(await remove()).status, (await remove()).body.code]).to.deep.equal([204, 'secret.missing'])
  })

  it('secrets are listed page by page', async () => {
    for (const name of ['smtp', 'API_KEY', 'slack']) await api.call('PUT', `${tenant}/secrets/${name}`, { json: { value: 'x' } })
    const first = secretList.parse((await api.call('GET', `${tenant}/secrets?limit=2`)).body)
    const second = secretList.parse((await api.call('GET', `${tenant}/secrets?limit=2&cursor=${first.next_cursor}`)).body)
    expect([first, second].map(({ data }) => data.map(({ name }) => name))).to.deep.equal([['API_KEY', 'slack'], ['smtp']])
    expect(second.next_cursor).to.equal(null)
  })
})

describe('bad input about who belongs to a tenant', () => {
  let api: Api
  let tenant: string
  before(async () => {
    api = await startApi()
    tenant = `/v1/tenants/${await api.createTenant()}`
  })
  after(() => api.server.close(0))

  const refuses = createRefuses(() => api)
  const post = (path: string, json: object) => () => ['POST', tenant + path, { json }] as const
  const user = (fields: object) => post('/users', { username: 'ann', role: 'viewer', ...fields })
  const key = (fields: object) => post('/api-keys', { name: 'n', scopes: ['read'], ...fields })

  for (const username of ['', ' ann', 'a\nb', 'a\u0000', 'an\u200bn', '\u202eann', 'x'.repeat(201), null]) {
    refuses(`the username ${JSON.stringify(username).slice(0, 12)}`, user({ username }), 400, 'username')
  }
  for (const password of ['1234567', 'x'.repeat(201), 'with\ttab-inside']) {
    refuses(`the password ${JSON.stringify(password).slice(0, 12)}`, user({ password }), 400, 'password')
  }
  for (const role of ['admin', 'Owner', null]) refuses(`the role ${role}`, user({ role }), 400, 'role')
  refuses('a tenant_id in a user', user({ tenant_id: nobody }), 400, 'tenant_id')
  refuses('a user id that is none', () => ['GET', `${tenant}/users/x`], 400, 'userId')
  refuses('a change of nothing', () => ['PUT', `${tenant}/users/${nobody}`, { json: {} }], 400, '')
  for (const hours of [0, 721, 1.5]) {
    refuses(`${hours} hours`, post('/invitations', { role: 'viewer', expires_in_hours: hours }), 400, 'expires_in_hours')
  }
  refuses('an invitation id that is none', () => ['DELETE', `${tenant}/invitations/x`], 400, 'invitationId')
  for (const scopes of [[], ['read', 'read'], 'read', null]) refuses(`the scopes ${JSON.stringify(scopes)}`, key({ scopes }), 400, 'scopes')
  refuses('an unknown scope', key({ scopes: ['read', 'write'] }), 400, 'scopes[1]')
  refuses('a key without a name', key({ name: ' ' }), 400, 'name')
  refuses('a key that has expired', key({ expires_at: '2020-01-01T00:00:00Z' }), 422, 'expires_at')
  refuses('a key id that is none', () => ['DELETE', `${tenant}/api-keys/x`], 400, 'keyId')
  refuses('an overlap of over a week', post(`/api-keys/${nobody}/rotate`, { overlap_seconds: 604_801 }), 400, 'overlap_seconds')
  for (const name of ['-a', 'a b', 'a%2Fb', 'x'.repeat(65), '..%2f', '%00']) {
    refuses(`the secret name ${name.slice(0, 12)}`, () => ['PUT', `${tenant}/secrets/${name}`, { json: { value: 'v' } }], 400, 'name')
  }
  for (const value of ['', 'x'.repeat(8193), 5]) {
    refuses(`the secret ${JSON.stringify(value).slice(0, 9)}`, () => ['PUT', `${tenant}/secrets/a`, { json: { value } }], 400, 'value')
  }
  refuses(
    'a quota of no messages',
    () => ['PUT', `${tenant}/config`, { json: { rate_limits: { publish_per_second: 0 } } }],
    400,
    'rate_limits.publish_per_second',
  )
  refuses('another rate limit', () => ['PUT', `${tenant}/config`, { json: { rate_limits: { read: 1 } } }], 400, 'rate_limits.read')
  refuses('a cursor of another list', () => ['GET', `${tenant}/audit?cursor=abc`], 400, 'cursor')
  refuses('an empty filter of the audit log', () => ['GET', '/v1/audit?action='], 400, 'action')
})
