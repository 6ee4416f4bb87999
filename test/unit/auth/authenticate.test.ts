import { expect } from 'chai'
import { deriveKeys } from '../../../src/auth/installation-keys.ts'
import { newApiKey } from '../../../src/auth/opaque-tokens.ts'
import { AppError } from '../../../src/core/errors.ts'
import { client, password, type StartedIdentity, secret, startIdentity } from './start-identity.ts'

async function withUser() {
  const started = await startIdentity()
  const user = await started.addUser('eve', 'owner')
  await started.addUser('the other owner', 'owner')
  const { token, principal } = await started.logIn('eve')
  if (principal.kind !== 'tenant_user') throw new Error(principal.kind)
  return { ...started, user, token, principal }
}

const createKey = ({ identity, tenantId }: StartedIdentity, expiresAt: Date | null = null) =>
  identity.apiKeys.create(tenantId, {
    name: 'a machine',
    scopes: ['publish'],
    expiresAt,
    createdBy: { kind: 'admin', id: 'a', username: 'root', sessionId: undefined },
  })

describe('authenticate', () => {
  it('recognizes an admin and a tenant user by their tokens, in any spelling of Bearer', async () => {
    const { identity, logInAdmin, token, principal } = await withUser()
    const admin = await logInAdmin()
    expect(await identity.authenticate({ authorization: `Bearer ${admin.token}` })).to.deep.equal(admin.principal)
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect(await identity.authenticate({ authorization: `${scheme} ${token}` })).to.deep.equal(principal)
    }
  })

  it('refuses what is no bearer token without looking anything up', async () => {
    const { identity, token, counts } = await withUser()
    const texts = [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${token}`,
      token,
      `Bearer ${token} x`,
      `Bearer ${token}\tx`,
      `Bearer ${'a'.repeat(100_000)}`,
    ]
    for (const authorization of texts)
      expect(await identity.authenticate({ authorization }), authorization.slice(0, 20)).to.equal(undefined)
    expect(await identity.authenticate({})).to.equal(undefined)
    expect(counts.states).to.equal(0)
  })

  it('asks for a session once in five seconds', async () => {
    const { whoIs, token, counts, clock } = await withUser()
    for (let index = 0; index < 10; index++) await whoIs(token)
    expect(counts.states).to.equal(1)
    clock.nowMs += 5_000
    await whoIs(token)
    expect(counts.states).to.equal(2)
  })

  it('believes what it remembers while the database is away, and says so for anybody else', async () => {
    const { whoIs, token, principal, logIn, clock, away } = await withUser()
    const another = await logIn('eve')
    await whoIs(token)
    away.error = new AppError('database.unavailable', 'away', { retryable: true })
    clock.nowMs += 30_000
    expect(await whoIs(token)).to.deep.equal(principal)
    expect(await whoIs(another.token).catch((error) => error)).to.equal(away.error)
  })

  it('refuses a token whose session is of somebody else', async () => {
    const { whoIs, token, stores, addTenant, principal } = await withUser()
    const { state } = stores.sessions
    const other = addTenant()
    const swap = (owner: object) => {
      stores.sessions.state = async (id) => ({ ...(await state(id)), owner }) as never
    }
    swap({ kind: 'tenant_user', tenantId: other, userId: principal.id })
    expect(await whoIs(token)).to.equal(undefined)
    swap({ kind: 'tenant_user', tenantId: principal.tenantId, userId: 'another' })
    expect(await whoIs(token)).to.equal(undefined)
    swap({ kind: 'admin', adminId: principal.id })
    expect(await whoIs(token)).to.equal(undefined)
  })

  describe('refuses at once, on this node and on another,', () => {
    const endings: Record<string, (of: Awaited<ReturnType<typeof withUser>>) => Promise<unknown>> = {
      'a session after its logout': ({ identity, principal }) => identity.logout(principal),
      'a session that was revoked': ({ identity, principal }) => identity.revokeSession(principal, principal.sessionId ?? ''),
      'a user who was removed': ({ identity, tenantId, user }) => identity.users.remove(tenantId, user.id),
      'a user whose password an owner has set': ({ identity, tenantId, user }) =>
        identity.users.change(tenantId, user.id, { password: 'something else' }),
      'a user of a tenant that is being deleted': async ({ stores, tenantId }) => {
        stores.beginDeletion(tenantId)
        stores.hints.announce({ of: 'tenant', id: tenantId })
      },
    }
    for (const [what, end] of Object.entries(endings)) {
      it(what, async () => {
        const started = await withUser()
        const { whoIs, token, identity, anotherNode } = started
        const nodes = [identity, anotherNode()]
        for (const node of nodes) expect(await whoIs(token, node)).to.not.equal(undefined)
        await end(started)
        for (const node of nodes) expect(await whoIs(token, node)).to.equal(undefined)
      })
    }
  })

  it('knows of a change of role at once, and without hints within five seconds', async () => {
    const { whoIs, token, identity, anotherNode, tenantId, user, stores, clock } = await withUser()
    const nodes = [identity, anotherNode()]
    const roles = async () => Promise.all(nodes.map(async (node) => ((await whoIs(token, node)) as { role?: string } | undefined)?.role))
    expect(await roles()).to.deep.equal(['owner', 'owner'])
    await identity.users.change(tenantId, user.id, { role: 'viewer' })
    expect(await roles()).to.deep.equal(['viewer', 'viewer'])
    await stores.users.change(tenantId, user.id, { role: 'member' })
    clock.nowMs += 5_000
    expect(await roles()).to.deep.equal(['member', 'member'])
  })

  it('accepts the tokens of a node that has the next secret already', async () => {
    const { whoIs, anotherNode, tenantId, token, principal } = await withUser()
    const next = 'the next secret, of more than thirty-two characters'
    const swapped = anotherNode(deriveKeys({ current: next, previous: secret }).tokens)
    expect(await whoIs(token, swapped)).to.deep.equal(principal)
    const answer = await swapped.login({ username: 'eve', password, tenantId, client })
    if (answer.kind !== 'granted') throw new Error(answer.kind)
    const prepared = anotherNode(deriveKeys({ current: secret, previous: next }).tokens)
    expect(await whoIs(answer.token, prepared)).to.deep.equal(answer.principal)
    expect(await whoIs(token, anotherNode(deriveKeys({ current: next }).tokens)), 'the old secret is dropped').to.equal(undefined)
  })
})

describe('authenticate with an API key', () => {
  it('recognizes it, asks for it once in five seconds and notes its use once a minute', async () => {
    const started = await startIdentity()
    const { identity, counts, clock, tenantId, stores } = started
    const { key, secret } = await createKey(started)
    const principal = { kind: 'api_key', id: key.id, name: 'a machine', tenantId, scopes: ['publish'] }
    for (let second = 0; second < 60; second += 1) {
      expect(await identity.authenticate({ apiKey: secret })).to.deep.equal(principal)
      clock.nowMs += 1_000
    }
    expect([counts.keyLookups, counts.touches]).to.deep.equal([12, 1])
    await identity.authenticate({ apiKey: secret })
    expect(counts.touches).to.equal(2)
    expect((await stores.apiKeys.find(tenantId, key.id))?.lastUsedAt?.getTime()).to.equal(clock.nowMs)
  })

  it('goes on when its use cannot be noted', async () => {
    const started = await startIdentity()
    const { secret } = await createKey(started)
    started.stores.apiKeys.touch = () => Promise.reject(new AppError('database.unavailable', 'away'))
    expect(await started.identity.authenticate({ apiKey: secret })).to.have.property('kind', 'api_key')
  })

  it('looks nothing up for what has not the shape of a key', async () => {
    const started = await startIdentity()
    const { secret } = await createKey(started)
    const garbage = [
      '',
      'x',
      secret.slice(1),
      `${secret}a`,
      secret.slice(0, -1),
      secret.toUpperCase(),
      `${secret}\n`,
      ` ${secret}`,
      'a'.repeat(100_000),
    ]
    for (const apiKey of [...garbage, secret.replace('_', '-'), secret.replace(/.$/, '!')])
      expect(await started.identity.authenticate({ apiKey }), apiKey.slice(0, 60)).to.equal(undefined)
    expect(started.counts.keyLookups).to.equal(0)
    expect(await started.identity.authenticate({ apiKey: newApiKey().secret }), 'an unknown key').to.equal(undefined)
    expect(started.counts.keyLookups).to.equal(1)
  })

  it('lets the authorization header count when there are both', async () => {
    const started = await startIdentity()
    const { secret } = await createKey(started)
    expect(await started.identity.authenticate({ apiKey: secret, authorization: 'Bearer garbage' })).to.equal(undefined)
  })

  it('refuses one that has expired, also within the five seconds', async () => {
    const started = await startIdentity()
    const { identity, clock } = started
    const { secret } = await createKey(started, new Date(clock.nowMs + 2_000))
    expect(await identity.authenticate({ apiKey: secret })).to.not.equal(undefined)
    clock.nowMs += 2_000
    expect(await identity.authenticate({ apiKey: secret })).to.equal(undefined)
  })

  it('refuses at once, on every node, one that was removed, and those of a tenant that is being deleted', async () => {
    const started = await startIdentity()
    const { identity, anotherNode, tenantId, stores } = started
    const nodes = [identity, anotherNode()]
    const believe = (apiKey: string) => Promise.all(nodes.map(async (node) => (await node.authenticate({ apiKey })) !== undefined))
    const removed = await createKey(started)
    const kept = await createKey(started)
    expect([await believe(removed.secret), await believe(kept.secret)]).to.deep.equal([
      [true, true],
      [true, true],
    ])
    await identity.apiKeys.remove(tenantId, removed.key.id)
    expect([await believe(removed.secret), await believe(kept.secret)]).to.deep.equal([
      [false, false],
      [true, true],
    ])
    stores.beginDeletion(tenantId)
    stores.hints.announce({ of: 'tenant', id: tenantId })
    expect(await believe(kept.secret)).to.deep.equal([false, false])
  })

  it('replaces a key by another of the same name and scopes, and accepts both while they overlap', async () => {
    const started = await startIdentity()
    const { identity, anotherNode, clock, tenantId } = started
    const before = await createKey(started)
    await anotherNode().authenticate({ apiKey: before.secret })
    const by = { kind: 'admin', id: 'a', username: 'another', sessionId: undefined } as const
    const after = await identity.apiKeys.rotate(tenantId, before.key.id, 60_000, by)
    expect(after.key).to.include({ name: 'a machine', createdBy: 'another', expiresAt: null })
    expect(after.key.scopes).to.deep.equal(['publish'])
    expect(after.secret.startsWith(`${after.key.prefix}_`)).to.equal(true)
    clock.nowMs += 59_999
    for (const { secret } of [before, after]) expect(await identity.authenticate({ apiKey: secret })).to.not.equal(undefined)
    clock.nowMs += 1
    expect(await identity.authenticate({ apiKey: before.secret })).to.equal(undefined)
    expect(await identity.authenticate({ apiKey: after.secret })).to.not.equal(undefined)
  })

  it('ends the old key at once when there is no overlap, and lets the new one live as long as the old was meant to', async () => {
    const started = await startIdentity()
    const { identity, clock, tenantId } = started
    const before = await createKey(started, new Date(clock.nowMs + 10_000))
    await identity.authenticate({ apiKey: before.secret })
    clock.nowMs += 4_000
    const by = { kind: 'admin', id: 'a', username: 'root', sessionId: undefined } as const
    const after = await identity.apiKeys.rotate(tenantId, before.key.id, 0, by)
    expect(after.key.expiresAt?.getTime()).to.equal(clock.nowMs + 10_000)
    expect(await identity.authenticate({ apiKey: before.secret })).to.equal(undefined)
    const again = await identity.apiKeys.rotate(tenantId, before.key.id, 0, by).catch((error) => error.code)
    expect(again).to.equal('api_key.missing')
  })

  it('rotates a key once, so that the end of its overlap is nobody else’s, and then the one that took its place', async () => {
    const started = await startIdentity()
    const { identity, clock, tenantId } = started
    const first = await createKey(started)
    const by = { kind: 'admin', id: 'a', username: 'root', sessionId: undefined } as const
    const rotate = (id: string) => identity.apiKeys.rotate(tenantId, id, 60_000, by)
    const second = await rotate(first.key.id)
    expect(await rotate(first.key.id).catch((error) => error.code)).to.equal('api_key.rotated')
    const third = await rotate(second.key.id)
    expect([second.key.expiresAt, third.key.expiresAt]).to.deep.equal([null, null])
    clock.nowMs += 60_000
    expect(await identity.authenticate({ apiKey: second.secret })).to.equal(undefined)
    expect(await identity.authenticate({ apiKey: third.secret })).to.not.equal(undefined)
    expect(await rotate(first.key.id).catch((error) => error.code)).to.equal('api_key.missing')
  })

  it('makes keys that people recognize by their prefix, each another', () => {
    const made = Array.from({ length: 20 }, newApiKey)
    for (const { prefix, secret } of made) expect(secret).to.match(new RegExp(`^${prefix}_[A-Za-z0-9_-]{43}$`))
    expect(new Set(made.map(({ prefix }) => prefix)).size).to.equal(20)
  })
})
