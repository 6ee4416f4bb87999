import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { checkPassword, hashPassword } from '../../../src/auth/passwords.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { adminPassword, client, password, startIdentity } from './start-identity.ts'

async function setup() {
  const started = await startIdentity()
  await started.addUser('eve', 'member')
  const attempt = async (text: string, { username = 'root', address = '192.0.2.1', tenantId = undefined as TenantId | undefined } = {}) =>
    (await started.identity.login({ username, password: text, tenantId, client: { ...client, address } })).kind
  return { ...started, attempt }
}

describe('login', () => {
  it('tells admins from tenant users by the tenant, and one tenant’s from another’s', async () => {
    const { attempt, addUser, addTenant, tenantId, stores } = await setup()
    const other = addTenant()
    await addUser('root', 'viewer', other)
    const passwordHash = 'hash of another password'
    await stores.users.create({ id: randomUUID(), tenantId: other, username: 'eve', passwordHash, role: 'owner' })
    expect(await attempt(adminPassword)).to.equal('granted')
    expect(await attempt(password, { username: 'eve', tenantId })).to.equal('granted')
    expect(await attempt('another password', { username: 'eve', tenantId: other })).to.equal('granted')
    expect(await attempt(adminPassword, { tenantId: other }), 'the admin’s password for a user of that name').to.equal('refused')
    expect(await attempt(password), 'the other way round').to.equal('refused')
    expect(await attempt(password, { username: 'eve' }), 'without the tenant').to.equal('refused')
    expect(await attempt('another password', { username: 'eve', tenantId }), 'in another tenant').to.equal('refused')
  })

  it('does the same work and gives the same answer for an unknown tenant, an unknown user and a wrong password', async () => {
    const { identity, counts, tenantId, stores, addTenant } = await setup()
    const deleting = addTenant()
    stores.beginDeletion(deleting)
    const attempts = {
      'a wrong password of an admin': { username: 'root', tenantId: undefined },
      'an unknown admin': { username: 'nobody', tenantId: undefined },
      'a wrong password of a user': { username: 'eve', tenantId },
      'an unknown user': { username: 'nobody', tenantId },
      'an unknown tenant': { username: 'eve', tenantId: randomUUID() as TenantId },
      'a tenant that is being deleted': { username: 'eve', tenantId: deleting },
    }
    for (const [what, attempt] of Object.entries(attempts)) {
      counts.checks = 0
      expect(await identity.login({ ...attempt, password: 'wrong', client }), what).to.deep.equal({ kind: 'refused' })
      expect([counts.checks, counts.hashes], what).to.deep.equal([1, 1])
    }
  })

  it('is refused when the tenant goes while the password is checked', async () => {
    const { attempt, stores, tenantId } = await setup()
    const { findForLogin } = stores.users
    stores.users.findForLogin = async (...of) => {
      const user = await findForLogin(...of)
      stores.beginDeletion(tenantId)
      return user
    }
    expect(await attempt(password, { username: 'eve', tenantId })).to.equal('refused')
  })

  it('is refused when the password changes while it is checked, and begins no session', async () => {
    const { attempt, stores, tenantId, identity, passwords } = await setup()
    const user = await stores.users.findForLogin(tenantId, 'eve')
    const admin = await stores.auth.findAdmin('root')
    if (!user || !admin) throw new Error('there is nobody')
    const { check } = passwords
    const whileChecking = (change: () => Promise<unknown>) => {
      passwords.check = async (...of) => {
        const matches = await check(...of)
        await change()
        return matches
      }
    }
    whileChecking(() => identity.users.change(tenantId, user.id, { password: 'the password after a reset' }))
    expect(await attempt(password, { username: 'eve', tenantId })).to.equal('refused')
    expect(await stores.sessions.listOf({ kind: 'tenant_user', tenantId, userId: user.id })).to.deep.equal([])
    whileChecking(() => stores.auth.applyAdminPassword('root', 'hash of another'))
    expect(await attempt(adminPassword)).to.equal('refused')
    expect(await stores.sessions.listOf({ kind: 'admin', adminId: admin.id })).to.deep.equal([])
  })

  it('throttles the eleventh failure in a minute, also of a burst, without checking a password, and forgives after it', async () => {
    const { attempt, identity, clock, counts } = await setup()
    const burst = await Promise.all(Array.from({ length: 12 }, () => attempt('wrong')))
    expect(burst.filter((kind) => kind === 'refused')).to.have.length(10)
    clock.nowMs += 20_000
    counts.checks = 0
    expect(await identity.login({ username: 'root', password: adminPassword, tenantId: undefined, client })).to.deep.equal({
      kind: 'throttled',
      retryAfterMs: 40_000,
    })
    expect(counts.checks).to.equal(0)
    expect(await attempt(adminPassword, { address: '192.0.2.2' }), 'from another address').to.equal('granted')
    expect(await attempt('wrong', { username: 'other' }), 'another account').to.equal('refused')
    clock.nowMs += 40_000
    expect(await attempt(adminPassword)).to.equal('granted')
  })

  it('does not count what succeeds, nor what the database fails', async () => {
    const { attempt, stores } = await setup()
    for (let index = 0; index < 15; index++) expect(await attempt(adminPassword)).to.equal('granted')
    const { findAdmin } = stores.auth
    stores.auth.findAdmin = async () => Promise.reject(new AppError('database.unavailable', 'away', { retryable: true }))
    for (let index = 0; index < 15; index++)
      expect(await attempt(adminPassword).catch((error) => error.code)).to.equal('database.unavailable')
    stores.auth.findAdmin = findAdmin
    expect(await attempt(adminPassword)).to.equal('granted')
  })

  it('throttles an account that is tried from everywhere, and lets its other failures alone', async () => {
    const { attempt, clock } = await setup()
    const addresses = Array.from({ length: 10 }, (_, index) => `198.51.100.${index}`)
    for (const address of addresses) for (let index = 0; index < 10; index++) await attempt('wrong', { address })
    clock.nowMs += 60_000
    expect(await attempt(adminPassword, { address: '203.0.113.1' })).to.equal('throttled')
    expect(await attempt('wrong', { address: '203.0.113.1', username: 'other' })).to.equal('refused')
    clock.nowMs += 14 * 60_000
    expect(await attempt(adminPassword, { address: '203.0.113.1' })).to.equal('granted')
  })

  it('throttles an address that tries many accounts, whatever it succeeds with meanwhile', async () => {
    const { attempt } = await setup()
    for (let index = 0; index < 100; index++) {
      await attempt('wrong', { username: `user ${index}` })
      if (index % 10 === 0) expect(await attempt(adminPassword)).to.equal('granted')
    }
    expect(await attempt(adminPassword)).to.equal('throttled')
    expect(await attempt(adminPassword, { address: '192.0.2.2' })).to.equal('granted')
  })

  it('checks sixteen passwords at once and no more', async () => {
    const { attempt, counts } = await setup()
    const kinds = await Promise.all(Array.from({ length: 20 }, (_, index) => attempt('wrong', { username: `user ${index}` })))
    expect(kinds.filter((kind) => kind === 'throttled')).to.have.length(4)
    expect(counts.checks).to.equal(16)
  })
})

describe('checkPassword', () => {
  it('is false without a hash and for a hash that cannot be read', async () => {
    expect(await checkPassword(undefined, 'nobody has this password')).to.equal(false)
    expect(await checkPassword('not a hash', 'x')).to.equal(false)
  })

  it('makes argon2id hashes, each with its own salt', async () => {
    const [first, second] = await Promise.all([hashPassword('x'), hashPassword('x')])
    expect(first).to.match(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(first).to.not.equal(second)
    expect(await checkPassword(first, 'x')).to.equal(true)
  })

  it('takes what looks the same for the same, whichever system it was typed on', async () => {
    const [composed, decomposed] = ['p\u00e1ssword1', 'pa\u0301ssword1']
    expect(await checkPassword(await hashPassword(decomposed), composed)).to.equal(true)
    expect(await checkPassword(await hashPassword(composed), decomposed)).to.equal(true)
    expect(await checkPassword(await hashPassword(composed), 'password1')).to.equal(false)
  })
})
