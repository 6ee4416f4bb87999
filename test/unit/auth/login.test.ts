import { expect } from 'chai'
import { createLogin } from '../../../src/auth/login.ts'
import { checkPassword, hashPassword } from '../../../src/auth/passwords.ts'
import { createMemoryAuthStore } from './memory-auth-store.ts'

const tokens = { issue: async () => ({ token: 'the token', expiresInSeconds: 60 }) }

async function setup() {
  const store = createMemoryAuthStore()
  await store.createAdminIfNone({ username: 'root', passwordHash: await hashPassword('correct') })
  const clock = { nowMs: 0 }
  const login = createLogin({ store, tokens, now: () => clock.nowMs })
  const attempt = async (password: string, username = 'root', address = '1.1.1.1') => (await login({ username, password, address })).kind
  return { login, attempt, clock }
}

describe('login', () => {
  it('grants the right password a token', async () => {
    const { login } = await setup()
    expect(await login({ username: 'root', password: 'correct', address: 'a' })).to.deep.equal({
      kind: 'granted',
      principal: { kind: 'admin', username: 'root' },
      token: 'the token',
      expiresInSeconds: 60,
    })
  })

  it('answers an unknown user and a wrong password alike', async () => {
    const { login } = await setup()
    const wrong = await login({ username: 'root', password: 'wrong', address: 'a' })
    expect(await login({ username: 'nobody', password: 'correct', address: 'a' })).to.deep.equal(wrong)
    expect(wrong).to.deep.equal({ kind: 'refused' })
  })

  it('throttles the eleventh failure in a minute, also of a burst, and forgives after it', async () => {
    const { attempt, login, clock } = await setup()
    const burst = await Promise.all(Array.from({ length: 12 }, () => attempt('wrong')))
    expect(burst.filter((kind) => kind === 'refused')).to.have.length(10)
    clock.nowMs = 20_000
    expect(await login({ username: 'root', password: 'correct', address: '1.1.1.1' })).to.deep.equal({
      kind: 'throttled',
      retryAfterMs: 40_000,
    })
    expect(await attempt('correct', 'root', '2.2.2.2')).to.equal('granted')
    expect(await attempt('wrong', 'other')).to.equal('refused')
    clock.nowMs = 60_000
    expect(await attempt('correct')).to.equal('granted')
  })

  it('does not count what succeeds', async () => {
    const { attempt } = await setup()
    for (let index = 0; index < 15; index++) expect(await attempt('correct')).to.equal('granted')
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
})
