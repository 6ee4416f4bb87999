import { expect } from 'chai'
import type { Principal } from '../../../src/auth/principal.ts'
import type { RegistrationMode } from '../../../src/auth/registration.ts'
import type { TenantRole } from '../../../src/core/identity.ts'
import { client, password, startIdentity } from './start-identity.ts'

const invitedBy = { kind: 'admin', id: 'a', username: 'root', sessionId: undefined } as const

async function setup(registration: RegistrationMode = 'invite') {
  const started = await startIdentity({ registration })
  const { identity, tenantId } = started
  return {
    ...started,
    invite: async ({ role = 'member' as TenantRole, username = null as string | null } = {}) =>
      (await identity.invitations.create(tenantId, { role, username, expiresInMs: 3_600_000, invitedBy })).token,
    accept: (invitation: string, username = 'eve', address = client.address) =>
      identity.acceptInvitation({ invitation, username, password, client: { ...client, address } }),
    register: (username = 'eve') => identity.registerTenant({ tenantName: 'a tenant', username, password, client }),
  }
}

const codeOf = (work: Promise<{ readonly kind: string }>) =>
  work.then(
    ({ kind }) => kind,
    (error) => error.code,
  )

describe('an invitation', () => {
  it('makes a user of the inviting tenant, with its role, who is logged in and can log in again', async () => {
    const { accept, invite, tenantId, whoIs, logIn } = await setup()
    const answer = await accept(await invite({ role: 'operator' }))
    if (answer.kind !== 'granted') throw new Error(answer.kind)
    expect(answer.principal).to.include({ kind: 'tenant_user', username: 'eve', tenantId, role: 'operator' })
    expect(await whoIs(answer.token)).to.deep.equal(answer.principal)
    expect((await logIn('eve')).principal).to.include({ role: 'operator' })
  })

  it('is used up, and by one of several at once', async () => {
    const { accept, invite } = await setup()
    const token = await invite()
    const codes = await Promise.all(['one', 'two', 'three'].map((username) => codeOf(accept(token, username))))
    expect(codes.toSorted()).to.deep.equal(['granted', 'invitation.invalid', 'invitation.invalid'])
  })

  it('is refused when it has expired, was withdrawn, is for somebody else, or never was', async () => {
    const { accept, invite, identity, tenantId, clock } = await setup()
    expect(await codeOf(accept(await invite({ username: 'adam' })))).to.equal('invitation.invalid')
    const withdrawn = await invite()
    const [newest] = (await identity.invitations.list(tenantId, { limit: 1 })).items
    expect(newest).to.include({ invitedBy: 'root', role: 'member' })
    await identity.invitations.remove(tenantId, newest?.id ?? '')
    expect(await codeOf(accept(withdrawn))).to.equal('invitation.invalid')
    const expired = await invite()
    clock.nowMs += 3_600_000
    expect(await codeOf(accept(expired))).to.equal('invitation.invalid')
    expect(await codeOf(accept(`tiv_${'a'.repeat(43)}`))).to.equal('invitation.invalid')
    const missing = await identity.invitations.remove(tenantId, newest?.id ?? '').catch((error) => error.code)
    expect(missing).to.equal('invitation.missing')
  })

  it('cannot be used after the owner who made it was removed or demoted, and one of an identity provider’s user can', async () => {
    const { accept, identity, tenantId, addUser, logIn } = await setup()
    await addUser('ada', 'owner')
    const inviteAs = async (inviter: Principal) =>
      (await identity.invitations.create(tenantId, { role: 'owner', username: null, expiresInMs: 3_600_000, invitedBy: inviter })).token
    const tokens: string[] = []
    for (const username of ['bob', 'cleo']) {
      await addUser(username, 'owner')
      tokens.push(await inviteAs((await logIn(username)).principal))
    }
    const find = async (username: string) =>
      (await identity.users.list(tenantId, { limit: 10 })).items.find((user) => user.username === username)?.id ?? ''
    await identity.users.remove(tenantId, await find('bob'))
    await identity.users.change(tenantId, await find('cleo'), { role: 'member' })
    for (const token of tokens) expect(await codeOf(accept(token, 'bob again'))).to.equal('invitation.invalid')
    const elsewhere = { kind: 'tenant_user', id: 'auth0|7', username: 'dan', tenantId, role: 'owner', sessionId: undefined } as const
    expect(await codeOf(accept(await inviteAs(elsewhere), 'a guest'))).to.equal('granted')
  })

  it('is not used up by a name that is taken', async () => {
    const { accept, invite, addUser } = await setup()
    await addUser('eve', 'viewer')
    const token = await invite()
    expect(await codeOf(accept(token))).to.equal('user.name_taken')
    expect(await codeOf(accept(token, 'adam'))).to.equal('granted')
  })

  it('cannot be guessed without end, and what has not its shape costs no password hash', async () => {
    const { accept, counts, invite } = await setup()
    for (let index = 0; index < 10; index++) expect(await codeOf(accept('garbage'))).to.equal('invitation.invalid')
    expect(counts.hashes).to.equal(0)
    const token = await invite()
    expect(await codeOf(accept(token))).to.equal('throttled')
    expect(await codeOf(accept(token, 'eve', '192.0.2.99')), 'from another address').to.equal('granted')
  })
})

describe('registration', () => {
  it('makes a tenant and its owner, where it is open', async () => {
    const { register, tenants, whoIs } = await setup('open')
    const answer = await register()
    if (answer.kind !== 'granted') throw new Error(answer.kind)
    expect(answer.principal).to.include({ kind: 'tenant_user', username: 'eve', role: 'owner' })
    expect(answer.principal.kind === 'tenant_user' && tenants.has(answer.principal.tenantId)).to.equal(true)
    expect(await whoIs(answer.token)).to.deep.equal(answer.principal)
  })

  it('leaves no tenant behind when its owner cannot be made', async () => {
    const { register, tenants, stores } = await setup('open')
    const before = [...tenants]
    stores.users.create = () => Promise.reject(new Error('no'))
    expect(await register().catch((error) => error.message)).to.equal('no')
    expect([...tenants]).to.deep.equal(before)
  })

  it('is throttled by address, success or not', async () => {
    const { register } = await setup('open')
    const kinds = []
    for (let index = 0; index < 11; index++) kinds.push(await codeOf(register(`user ${index}`)))
    expect(kinds).to.deep.equal([...new Array(10).fill('granted'), 'throttled'])
  })

  const modes: readonly [RegistrationMode, string, string][] = [
    ['closed', 'registration.closed', 'registration.closed'],
    ['invite', 'granted', 'registration.closed'],
    ['open', 'granted', 'granted'],
  ]
  for (const [mode, byInvitation, withTenant] of modes) {
    it(`that is "${mode}" answers ${byInvitation} to an invitation and ${withTenant} to a new tenant`, async () => {
      const { accept, invite, register, tenants } = await setup(mode)
      expect(await codeOf(accept(await invite()))).to.equal(byInvitation)
      expect(await codeOf(register('adam'))).to.equal(withTenant)
      expect(tenants.size).to.equal(withTenant === 'granted' ? 2 : 1)
    })
  }
})

describe('the users of a tenant', () => {
  it('get a generated password when nobody chose one, shown once', async () => {
    const { identity, tenantId } = await setup()
    const { user, generatedPassword } = await identity.users.create(tenantId, { username: 'eve', password: undefined, role: 'viewer' })
    expect(generatedPassword).to.match(/^[A-Za-z0-9_-]{24}$/)
    const answer = await identity.login({ username: 'eve', password: generatedPassword ?? '', tenantId, client })
    expect(answer.kind).to.equal('granted')
    expect(await identity.users.find(tenantId, user.id)).to.not.have.any.keys('passwordHash', 'generatedPassword')
    const chosen = await identity.users.create(tenantId, { username: 'adam', password, role: 'viewer' })
    expect(chosen.generatedPassword).to.equal(undefined)
  })

  it('are missing in another tenant', async () => {
    const { identity, addTenant, addUser } = await setup()
    const other = addTenant()
    const { id } = await addUser('eve', 'viewer')
    for (const work of [
      identity.users.find(other, id),
      identity.users.change(other, id, { role: 'owner' }),
      identity.users.remove(other, id),
    ])
      expect(await work.then(String, (error) => error.code)).to.equal('user.missing')
  })

  it('keep one owner', async () => {
    const { identity, tenantId, addUser } = await setup()
    const { id } = await addUser('eve', 'owner')
    for (const work of [identity.users.change(tenantId, id, { role: 'viewer' }), identity.users.remove(tenantId, id)])
      expect(await work.then(String, (error) => error.code)).to.equal('user.last_owner')
  })
})
