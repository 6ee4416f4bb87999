import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { NewInvitation } from '../../../src/core/ports/identity-store.ts'
import { codeOf, newTenantId } from './fixtures.ts'
import { describeOnBoth, newHash, newUser, readPages } from './identity-stores.ts'

const newAccount = (username = `guest-${randomUUIDv7()}`) => ({ id: randomUUIDv7(), username, passwordHash: 'hash' })

describeOnBoth('the invitation store', (bed) => {
  let tenantId: TenantId

  beforeEach(async () => {
    tenantId = await bed().addTenant()
  })

  async function invite(fields: Partial<NewInvitation> = {}) {
    const given: NewInvitation = {
      id: randomUUIDv7(),
      tenantId,
      hash: newHash(),
      role: 'operator',
      username: null,
      invitedBy: 'root',
      invitedById: null,
      lifetimeMs: 3_600_000,
      ...fields,
    }
    return { ...given, stored: await bed().invitations.create(given) }
  }

  it('keeps an invitation, without its token', async () => {
    const { stored, hash: _hash, invitedById: _invitedById, lifetimeMs, ...given } = await invite({ username: 'ada' })
    expect(stored).to.deep.include(given)
    expect(stored).to.have.all.keys('id', 'tenantId', 'role', 'username', 'invitedBy', 'createdAt', 'expiresAt')
    expect(stored.expiresAt.getTime() - stored.createdAt.getTime()).to.equal(lifetimeMs)
    expect((await bed().invitations.list(tenantId, { limit: 10 })).items).to.deep.equal([stored])
  })

  it('makes the user and is used up', async () => {
    const { hash } = await invite()
    const account = newAccount()
    const user = await bed().invitations.accept(hash, account)
    expect(user).to.deep.include({ id: account.id, tenantId, username: account.username, role: 'operator' })
    expect(await bed().users.find(tenantId, account.id)).to.deep.equal(user)
    expect(await bed().users.passwordHashOf(tenantId, account.id)).to.equal('hash')
    expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal('invitation.invalid')
    expect((await bed().invitations.list(tenantId, { limit: 10 })).items).to.deep.equal([])
  })

  it('gives one user to ten who accept it at once', async () => {
    const { hash } = await invite()
    const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(bed().invitations.accept(hash, newAccount()))))
    expect(codes.filter((code) => code === undefined)).to.have.length(1)
    expect(codes.filter((code) => code === 'invitation.invalid')).to.have.length(9)
    expect((await bed().users.list(tenantId, { limit: 20 })).items).to.have.length(1)
  })

  it('stays usable when the name is taken', async () => {
    const { hash } = await invite()
    const known = await bed().users.create(newUser(tenantId))
    expect(await codeOf(bed().invitations.accept(hash, newAccount(known.username)))).to.equal('user.name_taken')
    expect((await bed().invitations.accept(hash, newAccount())).tenantId).to.equal(tenantId)
  })

  it('is refused when it is unknown, expired, for somebody else, or of a tenant that is being deleted', async () => {
    const isInvalid = async (hash: Buffer) =>
      expect(await codeOf(bed().invitations.accept(hash, newAccount('bob')))).to.equal('invitation.invalid')
    await isInvalid(newHash())
    await isInvalid((await invite({ lifetimeMs: -1 })).hash)
    await isInvalid((await invite({ username: 'ada' })).hash)
    const { hash } = await invite({ username: 'bob' })
    await bed().beginDeletion(tenantId)
    await isInvalid(hash)
    expect((await bed().users.list(tenantId, { limit: 10 })).items).to.deep.equal([])
  })

  it('is not made for a tenant that is not there or is being deleted', async () => {
    expect(await codeOf(invite({ tenantId: newTenantId() }))).to.equal('tenant.missing')
    await bed().beginDeletion(tenantId)
    expect(await codeOf(invite())).to.equal('tenant.missing')
  })

  it('is listed page after page, newest first, while it can be used', async () => {
    const ids: string[] = []
    for (let count = 0; count < 3; count++) ids.unshift((await invite()).id)
    await invite({ lifetimeMs: -1 })
    const pages = await readPages((query) => bed().invitations.list(tenantId, query))
    expect(pages).to.deep.equal([ids.slice(0, 2), ids.slice(2)])
  })

  it('goes with the owner who has made it, or with their being one, and no other does', async () => {
    const [first, second, third] = await Promise.all([0, 1, 2].map(() => bed().users.create(newUser(tenantId, { role: 'owner' }))))
    if (!first || !second || !third) throw new Error('there are no users')
    const [ofRemoved, ofDemoted] = [await invite({ invitedById: first.id }), await invite({ invitedById: second.id })]
    const kept = [await invite({ invitedById: third.id }), await invite()]
    await bed().users.remove(tenantId, first.id)
    await bed().users.change(tenantId, second.id, { role: 'viewer' })
    await bed().users.change(tenantId, third.id, { passwordHash: 'new' })
    await bed().users.change(tenantId, third.id, { role: 'owner' })
    for (const { hash } of [ofRemoved, ofDemoted])
      expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal('invitation.invalid')
    const ids = (await bed().invitations.list(tenantId, { limit: 10 })).items.map(({ id }) => id)
    expect(ids).to.have.members(kept.map(({ id }) => id))
    for (const { hash } of kept) expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal(undefined)
  })

  it('does not come back with the role', async () => {
    await bed().users.create(newUser(tenantId, { role: 'owner' }))
    const { id } = await bed().users.create(newUser(tenantId, { role: 'owner' }))
    const { hash } = await invite({ invitedById: id })
    for (const role of ['operator', 'owner'] as const) await bed().users.change(tenantId, id, { role })
    expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal('invitation.invalid')
  })

  it('stays where the last owner stays one', async () => {
    const { id } = await bed().users.create(newUser(tenantId, { role: 'owner' }))
    const { hash } = await invite({ invitedById: id })
    expect(await codeOf(bed().users.change(tenantId, id, { role: 'member' }))).to.equal('user.last_owner')
    expect(await codeOf(bed().users.remove(tenantId, id))).to.equal('user.last_owner')
    expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal(undefined)
  })

  it('is made by an owner of the tenant only', async () => {
    const member = await bed().users.create(newUser(tenantId))
    const stranger = await bed().users.create(newUser(await bed().addTenant(), { role: 'owner' }))
    for (const invitedById of [member.id, stranger.id, randomUUIDv7()])
      expect(await codeOf(invite({ invitedById }))).to.equal('tenant.missing')
  })

  it('never outlives the role of an inviter who makes it meanwhile', async () => {
    await bed().users.create(newUser(tenantId, { role: 'owner' }))
    for (let round = 0; round < 5; round++) {
      const { id } = await bed().users.create(newUser(tenantId, { role: 'owner' }))
      const inviting = Array.from({ length: 5 }, () => codeOf(invite({ invitedById: id })))
      await (round % 2 === 0 ? bed().users.change(tenantId, id, { role: 'member' }) : bed().users.remove(tenantId, id))
      for (const code of await Promise.all(inviting)) expect(code).to.be.oneOf([undefined, 'tenant.missing'])
      expect((await bed().invitations.list(tenantId, { limit: 10 })).items).to.deep.equal([])
    }
  })

  it('is removed by its own tenant only, and cannot be used then', async () => {
    const { id, hash, stored } = await invite()
    const other = await bed().addTenant()
    expect(await bed().invitations.remove(other, id)).to.equal(undefined)
    expect(await bed().invitations.remove(tenantId, id)).to.deep.equal(stored)
    expect(await bed().invitations.remove(tenantId, id)).to.equal(undefined)
    expect(await codeOf(bed().invitations.accept(hash, newAccount()))).to.equal('invitation.invalid')
    const expired = await invite({ lifetimeMs: -1 })
    expect(await bed().invitations.remove(tenantId, expired.id)).to.equal(undefined)
  })
})
