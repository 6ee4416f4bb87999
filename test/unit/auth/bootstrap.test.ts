import { expect } from 'chai'
import { bootstrapAdmin } from '../../../src/auth/bootstrap.ts'
import { checkPassword } from '../../../src/auth/passwords.ts'
import { createMemoryAuthStore } from './memory-auth-store.ts'

const username = 'root'

describe('bootstrapAdmin', () => {
  it('generates a password when none is given and there is no admin, once', async () => {
    const store = createMemoryAuthStore()
    const first = await bootstrapAdmin({ store, username, password: undefined })
    if (first.kind !== 'generated') throw new Error(first.kind)
    expect(first.password).to.have.length(24)
    expect(await checkPassword(store.admins.get(username)?.passwordHash, first.password)).to.equal(true)
    expect(await bootstrapAdmin({ store, username, password: undefined })).to.deep.equal({ kind: 'unchanged', username })
  })

  it('creates, keeps and updates the admin of the given name', async () => {
    const store = createMemoryAuthStore()
    const kinds = []
    for (const password of ['one', 'one', 'two']) kinds.push((await bootstrapAdmin({ store, username, password })).kind)
    expect(kinds).to.deep.equal(['created', 'unchanged', 'updated'])
    expect(await checkPassword(store.admins.get(username)?.passwordHash, 'two')).to.equal(true)
  })

  it('changes nothing when the admin has another name', async () => {
    const store = createMemoryAuthStore()
    await bootstrapAdmin({ store, username: 'somebody', password: 'one' })
    const before = new Map(store.admins)
    expect((await bootstrapAdmin({ store, username, password: 'two' })).kind).to.equal('other_admin')
    expect(store.admins).to.deep.equal(before)
  })
})
