import { expect } from 'chai'
import { bootstrapAdmin } from '../../../src/auth/bootstrap.ts'
import { hashToken } from '../../../src/auth/opaque-tokens.ts'
import { checkPassword } from '../../../src/auth/passwords.ts'
import { createMemoryIdentityStores } from '../../support/memory-identity.ts'

const username = 'root'

function setup() {
  const { auth, sessions } = createMemoryIdentityStores()
  return {
    store: auth,
    sessions,
    bootstrap: (password?: string, name = username) => bootstrapAdmin({ store: auth, sessions, username: name, password }),
  }
}

describe('bootstrapAdmin', () => {
  it('generates a password when none is given and there is no admin, once', async () => {
    const { store, bootstrap } = setup()
    const first = await bootstrap()
    if (first.kind !== 'generated') throw new Error(first.kind)
    expect(first.password).to.have.length(24)
    expect(await checkPassword((await store.findAdmin(username))?.passwordHash, first.password)).to.equal(true)
    expect(await bootstrap()).to.deep.equal({ kind: 'unchanged', username })
  })

  it('creates, keeps and updates the admin of the given name', async () => {
    const { store, bootstrap } = setup()
    const kinds = []
    for (const password of ['one', 'one', 'two']) kinds.push((await bootstrap(password)).kind)
    expect(kinds).to.deep.equal(['created', 'unchanged', 'updated'])
    expect(await checkPassword((await store.findAdmin(username))?.passwordHash, 'two')).to.equal(true)
  })

  it('does not set again what it has set before, when the admin has chosen another password since', async () => {
    const { store, bootstrap } = setup()
    const choose = async (passwordHash: string) => {
      const { passwordHash: verified = '' } = (await store.findAdmin(username)) ?? {}
      expect(await store.replaceAdminPassword(username, verified, passwordHash)).to.equal(true)
    }
    const hashOf = async () => (await store.findAdmin(username))?.passwordHash
    await bootstrap('leaked')
    await choose('chosen')
    expect((await bootstrap('leaked')).kind).to.equal('unchanged')
    expect(await hashOf()).to.equal('chosen')
    expect((await bootstrap('two')).kind).to.equal('updated')
    await choose('chosen again')
    expect((await bootstrap('two')).kind).to.equal('unchanged')
    expect(await hashOf()).to.equal('chosen again')
  })

  it('counts a password as set that is the admin’s already', async () => {
    const { store, bootstrap } = setup()
    const generated = await bootstrap()
    if (generated.kind !== 'generated') throw new Error(generated.kind)
    expect((await bootstrap(generated.password)).kind).to.equal('unchanged')
    const { passwordHash = '' } = (await store.findAdmin(username)) ?? {}
    await store.replaceAdminPassword(username, passwordHash, 'chosen')
    expect((await bootstrap(generated.password)).kind).to.equal('unchanged')
    expect((await store.findAdmin(username))?.passwordHash).to.equal('chosen')
  })

  it('ends the sessions of an admin whose password it changes', async () => {
    const { store, sessions, bootstrap } = setup()
    await bootstrap('one')
    const { id: adminId = '', passwordHash: verifiedHash = '' } = (await store.findAdmin(username)) ?? {}
    const owner = { kind: 'admin', adminId } as const
    await sessions.create({ id: 's', owner, verifiedHash, refreshHash: hashToken('t'), lifetimeMs: 1_000, address: 'a', userAgent: null })
    await bootstrap('one')
    expect(await sessions.listOf(owner)).to.have.length(1)
    await bootstrap('two')
    expect(await sessions.listOf(owner)).to.have.length(0)
  })

  it('creates one admin of that name when nodes start together', async () => {
    const { store, sessions } = setup()
    let looked = 0
    const { promise: bothLooked, resolve } = Promise.withResolvers<void>()
    const nodes = [1, 2].map(() => ({
      ...store,
      async findAdmin(name: string) {
        const admin = await store.findAdmin(name)
        if (++looked === 2) resolve()
        await bothLooked
        return admin
      },
    }))
    const kinds = await Promise.all(
      nodes.map(async (node) => (await bootstrapAdmin({ store: node, sessions, username, password: 'one' })).kind),
    )
    expect(kinds).to.have.members(['created', 'unchanged'])
  })

  it('changes nothing when the admin has another name', async () => {
    const { store, bootstrap } = setup()
    await bootstrap('one', 'somebody')
    const before = await store.findAdmin('somebody')
    expect((await bootstrap('two')).kind).to.equal('other_admin')
    expect(await store.findAdmin('somebody')).to.deep.equal(before)
    expect(await store.findAdmin(username)).to.equal(undefined)
  })
})
