import { expect } from 'chai'
import type { Principal } from '../../../src/auth/principal.ts'
import { createPrincipalMemory, type VerifiedPrincipal } from '../../../src/auth/principal-memory.ts'
import { AppError } from '../../../src/core/errors.ts'
import { eventually } from '../../support/eventually.ts'

const principal: Principal = { kind: 'admin', id: 'a', username: 'root', sessionId: 's' }
const databaseAway = new AppError('database.unavailable', 'away', { retryable: true })

function setup({ lifetimeMs = 3_600_000 } = {}) {
  const state = { nowMs: 0, asked: [] as string[], valid: true, error: undefined as Error | undefined }
  const memory = createPrincipalMemory(
    async (credential) => {
      state.asked.push(credential)
      if (state.error) throw state.error
      return state.valid ? { principal, expiresAtMs: lifetimeMs } : undefined
    },
    () => state.nowMs,
  )
  return { state, memory, recall: (credential = 't') => memory.recall(credential) }
}

describe('what is remembered of a credential', () => {
  it('is asked once in five seconds', async () => {
    const { state, recall } = setup()
    for (const nowMs of [0, 1, 4_999]) {
      state.nowMs = nowMs
      expect(await recall()).to.equal(principal)
    }
    expect(state.asked).to.deep.equal(['t'])
    state.nowMs = 5_000
    state.valid = false
    expect(await recall()).to.equal(undefined)
  })

  it('is asked once for all who come at once', async () => {
    const { state, recall } = setup()
    expect(await Promise.all([recall(), recall(), recall()])).to.deep.equal([principal, principal, principal])
    expect(state.asked).to.have.length(1)
  })

  it('is not believed past the expiry', async () => {
    const { state, recall } = setup({ lifetimeMs: 1_000 })
    await recall()
    state.nowMs = 1_000
    state.valid = false
    expect(await recall()).to.equal(undefined)
  })

  it('is no refusal', async () => {
    const { state, recall } = setup()
    state.valid = false
    await recall()
    state.valid = true
    expect(await recall()).to.equal(principal)
  })

  it('is forgotten with a change of its session or user, and of nothing else', async () => {
    const { state, memory, recall } = setup()
    await recall()
    for (const kind of ['api_key', 'tenant'] as const) memory.forget({ of: kind, id: 'a' })
    memory.forget({ of: 'session', id: 'another' })
    await recall()
    expect(state.asked).to.have.length(1)
    memory.forget({ of: 'session', id: 's' })
    await recall()
    memory.forget({ of: 'user', id: 'a' })
    await recall()
    expect(state.asked).to.have.length(3)
  })

  it('is not what was looked up before a change', async () => {
    const answers: (() => void)[] = []
    const verify = () => new Promise<VerifiedPrincipal>((resolve) => answers.push(() => resolve({ principal, expiresAtMs: 1_000 })))
    const memory = createPrincipalMemory(verify, () => 0)
    const before = memory.recall('t')
    memory.forget({ of: 'session', id: 's' })
    const after = memory.recall('t')
    expect(answers, 'who asks after the change does not wait for the answer from before').to.have.length(2)
    answers[1]?.()
    expect(await after).to.equal(principal)
    memory.forget({ of: 'session', id: 's' })
    answers[0]?.()
    expect(await before, 'who asked before the change').to.equal(principal)
    void memory.recall('t')
    expect(answers, 'the answer from before is not remembered').to.have.length(3)
  })

  it('is believed for a minute while the database is away, and no longer', async () => {
    const { state, recall } = setup()
    await recall()
    state.error = databaseAway
    for (const nowMs of [5_000, 9_999, 59_999]) {
      state.nowMs = nowMs
      expect(await recall()).to.equal(principal)
    }
    expect(state.asked, 'the database is asked every five seconds').to.have.length(3)
    state.nowMs = 60_000
    expect(await recall().catch((error) => error)).to.equal(databaseAway)
  })

  it('is believed when the database is silent, until it answers after all or the change is heard of', async () => {
    let nowMs = 0
    const answers: ((verified: VerifiedPrincipal | undefined) => void)[] = []
    const verify = () => new Promise<VerifiedPrincipal | undefined>((resolve) => answers.push(resolve))
    const memory = createPrincipalMemory(verify, () => nowMs, 5)
    const first = memory.recall('t')
    answers.shift()?.({ principal, expiresAtMs: 3_600_000 })
    expect(await first).to.equal(principal)

    nowMs = 5_000
    expect(await memory.recall('t'), 'silent').to.equal(principal)
    nowMs = 10_000
    expect(await memory.recall('t'), 'still silent').to.equal(principal)
    expect(answers, 'the database is asked once as long as it is silent').to.have.length(1)
    answers.shift()?.(undefined)
    await eventually(async () => {
      const refused = memory.recall('t')
      answers.shift()?.(undefined)
      return (await refused) === undefined
    })

    const again = memory.recall('t')
    answers.shift()?.({ principal, expiresAtMs: 3_600_000 })
    await again
    nowMs = 20_000
    const waiting = memory.recall('t')
    memory.forget({ of: 'session', id: 's' })
    answers.shift()?.(undefined)
    expect(await waiting, 'revoked while it waited').to.equal(undefined)
  })

  it('is not believed while the database is away when it has expired, was never verified, was forgotten, or something else failed', async () => {
    const { state, memory, recall } = setup({ lifetimeMs: 20_000 })
    await recall()
    await recall('forgotten')
    memory.forget({ of: 'session', id: 's' })
    state.nowMs = 1
    await recall()
    state.error = databaseAway
    expect(await recall('never verified').catch((error) => error)).to.equal(databaseAway)
    expect(await recall('forgotten').catch((error) => error)).to.equal(databaseAway)
    state.nowMs = 20_000
    expect(await recall().catch((error) => error)).to.equal(databaseAway)
    state.nowMs = 10_000
    state.error = new Error('a defect')
    expect(await recall().catch((error) => error)).to.equal(state.error)
  })

  it('is ten thousand credentials and no more', async () => {
    const { state, recall } = setup()
    for (let index = 0; index <= 10_000; index++) await recall(`${index}`)
    state.asked.length = 0
    await recall('10000')
    await recall('1')
    expect(state.asked).to.deep.equal([])
    await recall('0')
    expect(state.asked).to.deep.equal(['0'])
  })
})
