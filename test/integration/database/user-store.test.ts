import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { NewUser } from '../../../src/core/ports/identity-store.ts'
import { codeOf, newTenantId } from './fixtures.ts'
import { describeOnBoth, newHash, newUser, readPages } from './identity-stores.ts'

const lifetimeMs = 60_000

describeOnBoth('the user store', (bed) => {
  let tenantId: TenantId

  beforeEach(async () => {
    tenantId = await bed().addTenant()
  })

  async function add(fields: Partial<NewUser> = {}) {
    return bed().users.create(newUser(tenantId, fields))
  }

  it('keeps a user as it was created', async () => {
    const given = newUser(tenantId, { role: 'operator' })
    const user = await bed().users.create(given)
    const { passwordHash: _hash, ...shown } = given
    expect(user).to.deep.include(shown)
    expect(user).not.to.have.property('passwordHash')
    expect(user.createdAt).to.be.instanceOf(Date)
    expect(user.updatedAt).to.deep.equal(user.createdAt)
    expect(await bed().users.find(tenantId, user.id)).to.deep.equal(user)
    expect(await bed().users.findForLogin(tenantId, user.username)).to.deep.equal({ ...user, passwordHash: given.passwordHash })
    expect(await bed().users.passwordHashOf(tenantId, user.id)).to.equal(given.passwordHash)
  })

  it('has a name once in a tenant, and again in another', async () => {
    const user = await add()
    expect(await codeOf(add({ username: user.username }))).to.equal('user.name_taken')
    const other = await bed().addTenant()
    await bed().users.create(newUser(other, { username: user.username }))
    const names = Array.from({ length: 10 }, () => codeOf(add({ username: 'ten at once' })))
    expect((await Promise.all(names)).filter((code) => code === undefined)).to.have.length(1)
  })

  it('makes no user of a tenant that is not there or is being deleted', async () => {
    expect(await codeOf(bed().users.create(newUser(newTenantId())))).to.equal('tenant.missing')
    const user = await add()
    await bed().beginDeletion(tenantId)
    expect(await codeOf(add())).to.equal('tenant.missing')
    expect(await bed().users.findForLogin(tenantId, user.username)).to.equal(undefined)
    expect(await bed().users.passwordHashOf(tenantId, user.id)).to.equal(undefined)
  })

  it('shows nobody the users of another tenant', async () => {
    const user = await add()
    const other = await bed().addTenant()
    expect(await bed().users.find(other, user.id)).to.equal(undefined)
    expect(await bed().users.findForLogin(other, user.username)).to.equal(undefined)
    expect(await bed().users.passwordHashOf(other, user.id)).to.equal(undefined)
    expect(await bed().users.change(other, user.id, { role: 'owner' })).to.equal(undefined)
    expect(await bed().users.remove(other, user.id)).to.equal(undefined)
    expect((await bed().users.list(other, { limit: 10 })).items).to.deep.equal([])
    expect(await bed().users.find(tenantId, user.id)).to.deep.equal(user)
  })

  it('lists page after page, newest first', async () => {
    const ids: string[] = []
    for (let count = 0; count < 5; count++) ids.unshift((await add()).id)
    const pages = await readPages((query) => bed().users.list(tenantId, query))
    expect(pages).to.deep.equal([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
  })

  it('changes a role or a password, and leaves the other as it is', async () => {
    const user = await add()
    const promoted = await bed().users.change(tenantId, user.id, { role: 'operator' })
    expect(promoted?.before).to.deep.equal(user)
    expect(promoted?.after).to.deep.include({ id: user.id, role: 'operator', username: user.username })
    expect(await bed().users.passwordHashOf(tenantId, user.id)).to.equal('$argon2id$')
    const renewed = await bed().users.change(tenantId, user.id, { passwordHash: 'next' })
    expect(renewed?.after.role).to.equal('operator')
    expect(await bed().users.passwordHashOf(tenantId, user.id)).to.equal('next')
    expect(await bed().users.change(tenantId, randomUUIDv7(), { role: 'owner' })).to.equal(undefined)
  })

  it('replaces the password that was verified, and no other', async () => {
    const { id } = await add()
    expect(await bed().users.replacePassword(tenantId, id, 'another', 'next')).to.equal(false)
    expect(await bed().users.replacePassword(await bed().addTenant(), id, '$argon2id$', 'next')).to.equal(false)
    expect(await bed().users.passwordHashOf(tenantId, id)).to.equal('$argon2id$')
    expect(await bed().users.replacePassword(tenantId, id, '$argon2id$', 'next')).to.equal(true)
    expect(await bed().users.passwordHashOf(tenantId, id)).to.equal('next')
    await bed().beginDeletion(tenantId)
    expect(await bed().users.replacePassword(tenantId, id, 'next', 'last')).to.equal(false)
  })

  it('removes a user with their sessions', async () => {
    const user = await add()
    const session = randomUUIDv7()
    const owner = { kind: 'tenant_user', tenantId, userId: user.id } as const
    const from = { address: '::1', userAgent: null }
    await bed().sessions.create({ id: session, owner, verifiedHash: '$argon2id$', refreshHash: newHash(), lifetimeMs, ...from })
    expect(await bed().users.remove(tenantId, user.id)).to.deep.equal(user)
    expect(await bed().users.find(tenantId, user.id)).to.equal(undefined)
    expect(await bed().sessions.state(session)).to.equal(undefined)
    expect(await bed().users.remove(tenantId, user.id)).to.equal(undefined)
  })

  it('keeps the last owner an owner', async () => {
    const owner = await add({ role: 'owner' })
    await add({ role: 'operator' })
    expect(await codeOf(bed().users.change(tenantId, owner.id, { role: 'member' }))).to.equal('user.last_owner')
    expect(await codeOf(bed().users.remove(tenantId, owner.id))).to.equal('user.last_owner')
    expect(await bed().users.find(tenantId, owner.id)).to.deep.equal(owner)
    await bed().users.change(tenantId, owner.id, { role: 'owner', passwordHash: 'next' })
    const second = await add({ role: 'owner' })
    expect((await bed().users.change(tenantId, owner.id, { role: 'member' }))?.after.role).to.equal('member')
    expect(await codeOf(bed().users.remove(tenantId, second.id))).to.equal('user.last_owner')
  })

  it('leaves one owner when all of them are demoted or removed at once', async () => {
    for (let round = 0; round < 10; round++) {
      const owners = await Promise.all(Array.from({ length: 4 }, () => add({ role: 'owner' })))
      const tries = owners.flatMap(({ id }, index) => [
        codeOf(index % 2 === 0 ? bed().users.remove(tenantId, id) : bed().users.change(tenantId, id, { role: 'member' })),
        codeOf(bed().users.change(tenantId, id, { role: 'viewer' })),
      ])
      expect(new Set(await Promise.all(tries))).to.deep.equal(new Set([undefined, 'user.last_owner']))
      const left = (await bed().users.list(tenantId, { limit: 100 })).items.filter((user) => user.role === 'owner')
      expect(left).to.have.length(1)
      // The next round begins without this one among its owners.
      tenantId = await bed().addTenant()
    }
  })

  it('tells of changes at once what each found and left', async () => {
    const user = await add({ role: 'viewer' })
    const roles = ['member', 'operator', 'viewer', 'member', 'operator'] as const
    const changes = await Promise.all(roles.map((role) => bed().users.change(tenantId, user.id, { role })))
    const found = changes.map((change) => change?.before.role).sort()
    const left = changes.map((change) => change?.after.role)
    const last = (await bed().users.find(tenantId, user.id))?.role
    // Each found what another had left; the first found what there was, and nobody found what the last left.
    expect([...found, last].sort()).to.deep.equal(['viewer', ...left].sort())
  })
})
