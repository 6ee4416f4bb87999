import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import { maxSessions, maxSpentTokens, type SessionOwner } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { NewSession } from '../../../src/core/ports/identity-store.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf } from './fixtures.ts'
import { describeOnBoth, newHash, newUser, openPostgresBed, type PostgresBed } from './identity-stores.ts'

const hourMs = 3_600_000
const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
const from = { address: '198.51.100.7', userAgent: 'test' }

function newSession(owner: SessionOwner, fields: Partial<NewSession> = {}): NewSession {
  const verifiedHash = owner.kind === 'admin' ? '' : '$argon2id$'
  return { id: randomUUIDv7(), owner, verifiedHash, refreshHash: newHash(), lifetimeMs: hourMs, ...from, ...fields }
}

describeOnBoth('the session store', (bed) => {
  let tenantId: TenantId
  let userId: string
  let username: string
  let owner: SessionOwner

  beforeEach(async () => {
    tenantId = await bed().addTenant()
    ;({ id: userId, username } = await bed().users.create(newUser(tenantId)))
    owner = { kind: 'tenant_user', tenantId, userId }
  })

  async function begin(fields: Partial<NewSession> = {}, whose = owner): Promise<NewSession> {
    const session = newSession(whose, fields)
    await bed().sessions.create(session)
    return session
  }

  it('tells whose a session is and what they are now', async () => {
    const { id } = await begin()
    const { expiresAt, ...state } = (await bed().sessions.state(id)) ?? {}
    expect(state).to.deep.equal({ id, owner, username, role: 'member' })
    expect(expiresAt?.getTime()).to.be.greaterThan(Date.now())
    await bed().users.change(tenantId, userId, { role: 'owner' })
    expect(await bed().sessions.state(id)).to.include({ role: 'owner' })
    expect(await bed().sessions.state(randomUUIDv7())).to.equal(undefined)
  })

  it('tells of an admin as well, until the admin goes', async () => {
    const admin = await bed().addAdmin()
    const whose: SessionOwner = { kind: 'admin', adminId: admin.id }
    const session = await begin({}, whose)
    const { expiresAt: _expiresAt, ...state } = (await bed().sessions.state(session.id)) ?? {}
    expect(state).to.deep.equal({ id: session.id, owner: whose, username: admin.username })
    const next = newHash()
    expect(await bed().sessions.rotate(session.refreshHash, next, hourMs, from)).to.include({ kind: 'rotated' })
    expect((await bed().sessions.listOf(whose)).map(({ id }) => id)).to.deep.equal([session.id])
    await bed().removeAdmin(admin.id)
    expect(await bed().sessions.state(session.id)).to.equal(undefined)
    expect(await bed().sessions.rotate(next, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await codeOf(begin({}, whose))).to.equal('tenant.missing')
  })

  it('makes none for a user who is not there, or whose tenant is being deleted', async () => {
    expect(await codeOf(begin({}, { kind: 'tenant_user', tenantId, userId: randomUUIDv7() }))).to.equal('tenant.missing')
    const other = await bed().addTenant()
    expect(await codeOf(begin({}, { kind: 'tenant_user', tenantId: other, userId }))).to.equal('tenant.missing')
    const session = await begin()
    await bed().beginDeletion(tenantId)
    expect(await codeOf(begin())).to.equal('tenant.missing')
    expect(await bed().sessions.state(session.id)).to.equal(undefined)
    expect(await bed().sessions.rotate(session.refreshHash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    await bed().removeTenant(tenantId)
    expect(await bed().sessions.listOf(owner)).to.deep.equal([])
  })

  it('puts the next token in the place of the one that is spent', async () => {
    const { id, refreshHash } = await begin({ lifetimeMs: 60_000 })
    const second = newHash()
    const rotated = await bed().sessions.rotate(refreshHash, second, hourMs, { address: '203.0.113.9', userAgent: null })
    if (rotated.kind !== 'rotated') throw new Error(rotated.kind)
    expect(rotated.session).to.deep.equal(await bed().sessions.state(id))
    expect(rotated.session.expiresAt.getTime()).to.be.greaterThan(Date.now() + 60_000)
    const [session] = await bed().sessions.listOf(owner)
    expect(session).to.deep.include({ id, address: '203.0.113.9', userAgent: null, expiresAt: rotated.session.expiresAt })
    expect(await bed().sessions.rotate(second, newHash(), hourMs, from)).to.include({ kind: 'rotated' })
    expect(await bed().sessions.rotate(newHash(), newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
  })

  it('ends the session when a spent token comes back, and knows it every time', async () => {
    const { id, refreshHash } = await begin()
    const second = newHash()
    await bed().sessions.rotate(refreshHash, second, hourMs, from)
    for (let time = 0; time < 2; time++) {
      const again = await bed().sessions.rotate(refreshHash, newHash(), hourMs, from)
      if (again.kind !== 'reused') throw new Error(again.kind)
      expect(again.session).to.deep.include({ id, owner, username })
    }
    expect(await bed().sessions.state(id)).to.equal(undefined)
    expect(await bed().sessions.listOf(owner)).to.deep.equal([])
    expect(await bed().sessions.rotate(second, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await bed().sessions.revoke(owner, id)).to.equal(false)
  })

  it('lets one of ten win who have the same token, and ends the session for the others', async () => {
    for (let round = 0; round < 5; round++) {
      const { id, refreshHash } = await begin()
      const next = Array.from({ length: 10 }, newHash)
      const rotations = await Promise.all(next.map((hash) => bed().sessions.rotate(refreshHash, hash, hourMs, from)))
      const kinds = rotations.map(({ kind }) => kind).sort()
      expect(kinds).to.deep.equal([...Array.from({ length: 9 }, () => 'reused'), 'rotated'])
      expect(await bed().sessions.state(id)).to.equal(undefined)
      for (const hash of next) expect(await bed().sessions.rotate(hash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    }
  })

  it('refuses what has expired', async () => {
    const { id, refreshHash } = await begin({ lifetimeMs: -1 })
    expect(await bed().sessions.state(id)).to.equal(undefined)
    expect(await bed().sessions.rotate(refreshHash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await bed().sessions.listOf(owner)).to.deep.equal([])
    expect(await bed().sessions.revoke(owner, id)).to.equal(false)
  })

  it('lists those of one user that are alive, newest first', async () => {
    const first = await begin()
    const second = await begin()
    await begin({ lifetimeMs: -1 })
    const another = await bed().users.create(newUser(tenantId))
    await begin({}, { kind: 'tenant_user', tenantId, userId: another.id })
    const sessions = await bed().sessions.listOf(owner)
    expect(sessions.map(({ id }) => id)).to.deep.equal([second.id, first.id])
    expect(sessions[0]).to.have.all.keys('id', 'createdAt', 'lastUsedAt', 'expiresAt', 'address', 'userAgent')
    expect(sessions[0]).to.include(from)
  })

  it('revokes one of the user, and no session of anybody else', async () => {
    const { id, refreshHash } = await begin()
    const kept = await begin()
    const another = await bed().users.create(newUser(tenantId))
    expect(await bed().sessions.revoke({ kind: 'tenant_user', tenantId, userId: another.id }, id)).to.equal(false)
    expect(await bed().sessions.revoke({ kind: 'admin', adminId: userId }, id)).to.equal(false)
    expect(await bed().sessions.revoke(owner, id)).to.equal(true)
    expect(await bed().sessions.revoke(owner, id)).to.equal(false)
    expect(await bed().sessions.state(id)).to.equal(undefined)
    expect(await bed().sessions.rotate(refreshHash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await bed().sessions.state(kept.id)).not.to.equal(undefined)
  })

  it('revokes all of the user but one', async () => {
    const sessions = [await begin(), await begin(), await begin()]
    const another = await bed().users.create(newUser(tenantId))
    const other = await begin({}, { kind: 'tenant_user', tenantId, userId: another.id })
    const ended = await bed().sessions.revokeAll(owner, sessions[1]?.id)
    expect([...ended].sort()).to.deep.equal([sessions[0]?.id, sessions[2]?.id].sort())
    expect(await bed().sessions.revokeAll(owner)).to.deep.equal([sessions[1]?.id])
    expect(await bed().sessions.revokeAll(owner)).to.deep.equal([])
    expect(await bed().sessions.state(other.id)).not.to.equal(undefined)
  })

  it('either refreshes or revokes when both are asked for at once, and the session is over', async () => {
    for (let round = 0; round < 10; round++) {
      const { id, refreshHash } = await begin()
      const next = newHash()
      const [rotation] = await Promise.all([
        bed().sessions.rotate(refreshHash, next, hourMs, from),
        round % 2 === 0 ? bed().sessions.revoke(owner, id) : bed().sessions.revokeAll(owner),
      ])
      expect(rotation.kind).to.be.oneOf(['rotated', 'unknown'])
      expect(await bed().sessions.state(id)).to.equal(undefined)
      expect(await bed().sessions.rotate(next, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    }
  })

  it('begins none for a password that is not the owner’s any more', async () => {
    await begin()
    await bed().users.change(tenantId, userId, { passwordHash: 'reset' })
    expect(await codeOf(begin())).to.equal('tenant.missing')
    expect(await codeOf(begin({ verifiedHash: 'reset' }))).to.equal(undefined)
    const admin: SessionOwner = { kind: 'admin', adminId: (await bed().addAdmin()).id }
    expect(await codeOf(begin({ verifiedHash: 'old' }, admin))).to.equal('tenant.missing')
    expect(await bed().sessions.listOf(admin)).to.deep.equal([])
  })

  it('leaves none of the old password to a reset that ends them all', async () => {
    const logIn = () => codeOf(begin())
    for (let round = 0; round < 5; round++) {
      const before = [logIn(), logIn(), logIn(), logIn()]
      const resetting = bed().users.change(tenantId, userId, { passwordHash: 'reset' })
      const meanwhile = [logIn(), logIn(), logIn(), logIn()]
      await resetting
      await bed().sessions.revokeAll(owner)
      await Promise.all([...before, ...meanwhile])
      expect(await bed().sessions.listOf(owner)).to.deep.equal([])
      await bed().users.change(tenantId, userId, { passwordHash: '$argon2id$' })
    }
  })

  it('keeps a hundred of an owner, and ends those that are over first, then the oldest', async () => {
    const first = await begin()
    const over = await begin({ lifetimeMs: -1 })
    const second = await begin()
    const another: SessionOwner = { kind: 'admin', adminId: (await bed().addAdmin()).id }
    const other = await begin({}, another)
    for (let count = 3; count < maxSessions; count++) expect(await bed().sessions.create(newSession(owner))).to.deep.equal([])
    expect(await bed().sessions.create(newSession(owner))).to.deep.equal([over.id])
    expect(await bed().sessions.listOf(owner)).to.have.length(maxSessions)
    expect(await bed().sessions.create(newSession(owner))).to.deep.equal([first.id])
    expect(await bed().sessions.state(first.id)).to.equal(undefined)
    expect(await bed().sessions.rotate(first.refreshHash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await bed().sessions.state(second.id)).not.to.equal(undefined)
    expect(await bed().sessions.state(other.id)).not.to.equal(undefined)
    expect(await codeOf(bed().sessions.create(newSession(owner, { verifiedHash: 'wrong' })))).to.equal('tenant.missing')
    expect(await bed().sessions.listOf(owner)).to.have.length(maxSessions)
  })

  it('knows the latest spent tokens of a session, and those before them as little as any other', async () => {
    const { id, refreshHash } = await begin()
    const hashes = [refreshHash]
    for (let count = 0; count <= maxSpentTokens; count++) {
      const next = newHash()
      expect(await bed().sessions.rotate(hashes.at(-1) ?? next, next, hourMs, from)).to.include({ kind: 'rotated' })
      hashes.push(next)
    }
    expect(await bed().sessions.rotate(refreshHash, newHash(), hourMs, from)).to.deep.equal({ kind: 'unknown' })
    expect(await bed().sessions.state(id)).not.to.equal(undefined)
    expect(await bed().sessions.rotate(hashes[1] ?? refreshHash, newHash(), hourMs, from)).to.include({ kind: 'reused' })
    expect(await bed().sessions.state(id)).to.equal(undefined)
  })

  it('removes what has expired, some at a time', async () => {
    await bed().sessions.removeExpired(1_000)
    const kept = await begin()
    for (let count = 0; count < 3; count++) await begin({ lifetimeMs: -1 })
    expect(await bed().sessions.removeExpired(2)).to.equal(2)
    expect(await bed().sessions.removeExpired(2)).to.equal(1)
    expect(await bed().sessions.removeExpired(2)).to.equal(0)
    expect(await bed().sessions.state(kept.id)).not.to.equal(undefined)
  })
})

describe('the rows of sessions', () => {
  let bed: PostgresBed

  before(async () => {
    bed = await openPostgresBed()
  })
  after(() => bed[Symbol.asyncDispose]())

  it('lose the hashes of tokens that nobody could use any more, while the session goes on', async () => {
    const admin = await bed.addAdmin()
    const session = newSession({ kind: 'admin', adminId: admin.id })
    await bed.sessions.create(session)
    const next = newHash()
    await bed.sessions.rotate(session.refreshHash, next, hourMs, from)
    await bed.client.run('update refresh_tokens set expires_at = now() where hash = $1', [session.refreshHash])
    expect(await bed.sessions.removeExpired(10)).to.equal(0)
    expect(await bed.client.run('select hash from refresh_tokens')).to.deep.equal([{ hash: next }])
    expect(await bed.sessions.state(session.id)).not.to.equal(undefined)
  })

  it('wait for a change of the password that has begun, and are not made for the old one then', async () => {
    const tenantId = await bed.addTenant()
    const user = await bed.users.create(newUser(tenantId))
    const admin = await bed.addAdmin()
    const owners: readonly (readonly [SessionOwner, string, string])[] = [
      [{ kind: 'tenant_user', tenantId, userId: user.id }, 'users', user.id],
      [{ kind: 'admin', adminId: admin.id }, 'admins', admin.id],
    ]
    for (const [owner, table, id] of owners) {
      let beginning: Promise<unknown> = Promise.resolve()
      await bed.client.transaction(async (run) => {
        await run(`update ${table} set password_hash = 'reset' where id = $1`, [id])
        let isOver = false
        beginning = codeOf(bed.sessions.create(newSession(owner))).finally(() => {
          isOver = true
        })
        await eventually(async () => isOver || (await bed.client.run(waiting)).length > 0)
      })
      expect(await beginning, table).to.equal('tenant.missing')
    }
  })

  it('do not grow with the refreshes of a session', async () => {
    const session = newSession({ kind: 'admin', adminId: (await bed.addAdmin()).id })
    await bed.sessions.create(session)
    let hash = session.refreshHash
    for (let count = 0; count < maxSpentTokens + 10; count++) {
      const next = newHash()
      await bed.sessions.rotate(hash, next, hourMs, from)
      hash = next
    }
    const [tokens] = await bed.client.run('select count(*)::int as n from refresh_tokens where session_id = $1', [session.id])
    expect(tokens).to.deep.equal({ n: maxSpentTokens + 1 })
  })
})
