import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { AuditEntry } from '../../../src/core/ports/audit-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { codeOf } from './fixtures.ts'
import { createTenantWithRows, type TenantWithRows } from './tenants-rows.ts'

const hash = (): Buffer => Buffer.from(randomUUID().replaceAll('-', '').repeat(2), 'hex')

/** The identity stores as the tenant role: their own suites run them as the service. */
describe('a request of a tenant about its users, keys and secrets', () => {
  let database: TestDatabase
  let node: Database
  let a: TenantWithRows
  let b: TenantWithRows

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    a = await createTenantWithRows(database, node)
    b = await createTenantWithRows(database, node)
  })
  after(() => database[Symbol.asyncDispose]())

  const asA = <T>(work: () => T): T => node.asTenant(a.id, work)
  const newUser = (tenantId = a.id) => ({
    id: randomUUID(),
    tenantId,
    username: randomUUID(),
    passwordHash: 'hash',
    role: 'member' as const,
  })
  const newKey = (tenantId = a.id) => ({
    id: randomUUID(),
    tenantId,
    name: 'key',
    prefix: 'tnt_00000000',
    hash: hash(),
    scopes: ['read'] as const,
    createdBy: null,
    expiresAt: null,
  })
  const newInvitation = (tenantId = a.id) => ({
    id: randomUUID(),
    tenantId,
    hash: hash(),
    role: 'member' as const,
    username: null,
    invitedBy: null,
    invitedById: null,
    lifetimeMs: 60_000,
  })
  const newEntry = (tenantId = a.id): AuditEntry => ({
    tenantId,
    doer: { kind: 'anonymous', id: null, name: null },
    action: 'user.create',
    resource: null,
    address: '::1',
    requestId: 'r',
    before: null,
    after: { a: 1 },
  })

  it('does all that a tenant may ask for', async () => {
    await asA(async () => {
      const user = newUser()
      expect(await node.users.create(user)).to.include({ id: user.id })
      expect((await node.users.list(a.id, { limit: 9 })).items).to.have.length(2)
      expect((await node.users.change(a.id, user.id, { role: 'viewer', passwordHash: 'new' }))?.after).to.include({ role: 'viewer' })
      expect(await codeOf(node.users.create({ ...newUser(), username: user.username }))).to.equal('user.name_taken')
      expect(await codeOf(node.users.remove(a.id, a.id))).to.equal('user.last_owner')
      expect(await node.users.remove(a.id, user.id)).to.include({ id: user.id })
      const invitation = await node.invitations.create(newInvitation())
      expect((await node.invitations.list(a.id, { limit: 9 })).items).to.have.length(2)
      expect(await node.invitations.remove(a.id, invitation.id)).to.include({ id: invitation.id })
      const key = await node.apiKeys.create(newKey())
      expect(await node.apiKeys.find(a.id, key.id)).to.include({ id: key.id })
      const next = newKey()
      expect((await node.apiKeys.rotate(a.id, key.id, next, 60_000))?.next).to.include({ id: next.id })
      expect((await node.apiKeys.list(a.id, { limit: 9 })).items).to.have.length(3)
      expect(await node.apiKeys.remove(a.id, next.id)).to.include({ id: next.id })
      const secret = { keyId: 'k', sealed: Buffer.from('x') }
      expect(await node.secrets.put(a.id, 'new', secret)).to.deep.equal({ replaced: false })
      expect(await node.secrets.put(a.id, 'new', secret)).to.deep.equal({ replaced: true })
      expect(await node.secrets.list(a.id)).to.have.length(2)
      expect(await node.secrets.remove(a.id, 'new')).to.equal(true)
      await node.audit.add(newEntry())
      expect((await node.audit.list({ tenantId: a.id, limit: 9 })).entries).to.have.length(2)
    })
  })

  it('finds and changes nothing of another tenant', async () => {
    await asA(async () => {
      expect(await codeOf(node.users.create(newUser(b.id)))).to.equal('tenant.missing')
      expect((await node.users.list(b.id, { limit: 9 })).items).to.deep.equal([])
      expect(await node.users.find(b.id, b.id)).to.equal(undefined)
      expect(await node.users.change(b.id, b.id, { passwordHash: 'of the attacker' })).to.equal(undefined)
      expect(await node.users.remove(b.id, b.id)).to.equal(undefined)
      expect(await codeOf(node.invitations.create(newInvitation(b.id)))).to.equal('tenant.missing')
      expect((await node.invitations.list(b.id, { limit: 9 })).items).to.deep.equal([])
      expect(await node.invitations.remove(b.id, b.id)).to.equal(undefined)
      expect(await codeOf(node.apiKeys.create(newKey(b.id)))).to.equal('tenant.missing')
      expect((await node.apiKeys.list(b.id, { limit: 9 })).items).to.deep.equal([])
      expect(await node.apiKeys.find(b.id, b.id)).to.equal(undefined)
      expect(await node.apiKeys.rotate(b.id, b.id, newKey(b.id), 0)).to.equal(undefined)
      expect(await node.apiKeys.remove(b.id, b.id)).to.equal(undefined)
      expect(await codeOf(node.secrets.put(b.id, 's', { keyId: 'k', sealed: Buffer.from('x') }))).to.equal('tenant.missing')
      expect(await node.secrets.list(b.id)).to.deep.equal([])
      expect(await node.secrets.remove(b.id, 's')).to.equal(false)
      expect((await node.audit.list({ tenantId: b.id, limit: 9 })).entries).to.deep.equal([])
      await node.audit.add(newEntry(b.id))
    })
    expect(await node.users.passwordHashOf(b.id, b.id)).to.equal('hash')
    expect((await node.audit.list({ tenantId: b.id, limit: 9 })).entries).to.have.length(1)
  })
})
