import { expect } from 'chai'
import type { Snapshot } from 'xstate'
import { createReadiness } from '../../../src/engine/readiness.ts'
import { createStatusBoard } from '../../../src/engine/status-board.ts'

const secret = 'connect ECONNREFUSED db.internal:5432 as tenantry'

describe('the readiness of a node', () => {
  const setup = () => {
    const state = {
      nowMs: 0,
      asked: 0,
      away: false,
      link: { value: { up: 'clear' }, context: { reason: null as string | null } } as object,
    }
    const logged: object[] = []
    const readiness = createReadiness({
      database: async () => {
        state.asked++
        if (state.away) throw new Error(secret)
      },
      brokerLink: () => state.link as Snapshot<unknown>,
      board: createStatusBoard(),
      log: { warn: (_, details = {}) => logged.push(details) },
      now: () => state.nowMs,
    })
    readiness.serving()
    return { state, logged, readiness }
  }

  it('names no host and no user, and logs once why the database does not answer, until it does', async () => {
    const { state, logged, readiness } = setup()
    const read = async () => {
      state.nowMs += 1_000
      const { ready, checks } = await readiness.read()
      return [ready, checks.database.detail]
    }
    state.away = true
    for (let index = 0; index < 3; index++) expect(await read()).to.deep.equal([false, 'does not answer'])
    expect(logged).to.deep.equal([{ reason: secret }])
    state.away = false
    expect(await read()).to.deep.equal([true, 'answers'])
    state.away = true
    await read()
    expect(logged).to.have.length(2)
  })

  it('says of the broker that it is away, or takes nothing, without its words', async () => {
    const { state, readiness } = setup()
    for (const [value, expected] of [
      ['backingOff', { ok: false, detail: 'away; trying again' }],
      [{ up: 'blocked' }, { ok: true, detail: 'connected, but it takes no messages' }],
    ] as const) {
      state.link = { value, context: { reason: secret } }
      expect((await readiness.read()).checks.broker).to.deep.equal(expected)
    }
  })

  it('tells the start why the broker cannot be reached', async () => {
    const { state, readiness } = setup()
    state.link = { value: 'backingOff', context: { reason: secret } }
    expect(await readiness.connected(0).catch((error) => error.message)).to.include(secret)
    const waiting = readiness.connected(60_000).catch((error) => error.message)
    readiness.draining()
    expect(await waiting, 'nobody waits for it any more').to.include(secret)
  })

  it('asks the database once a second, however many ask, and shows at once that the node drains', async () => {
    const { state, readiness } = setup()
    await Promise.all(Array.from({ length: 10 }, () => readiness.read()))
    expect(state.asked).to.equal(1)
    readiness.draining()
    expect((await readiness.read()).ready).to.equal(false)
    expect(state.asked).to.equal(1)
    state.nowMs = 1_000
    await readiness.read()
    expect(state.asked).to.equal(2)
  })
})
