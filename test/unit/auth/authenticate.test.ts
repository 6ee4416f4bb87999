import { expect } from 'chai'
import { createAuthenticate } from '../../../src/auth/authenticate.ts'
import type { Principal } from '../../../src/auth/principal.ts'

const principal: Principal = { kind: 'admin', username: 'root' }

function setup(lifetimeMs: number) {
  const state = { nowMs: 0, verified: [] as string[], valid: true }
  const verify = async (token: string) => {
    state.verified.push(token)
    return state.valid ? { principal, expiresAtMs: lifetimeMs } : undefined
  }
  return { state, authenticate: createAuthenticate({ verify }, () => state.nowMs) }
}

describe('authenticate', () => {
  it('verifies a token once in five seconds', async () => {
    const { state, authenticate } = setup(60_000)
    for (const nowMs of [0, 1, 4_999]) {
      state.nowMs = nowMs
      expect(await authenticate({ authorization: 'Bearer t' })).to.equal(principal)
    }
    expect(state.verified).to.deep.equal(['t'])
    state.nowMs = 5_000
    state.valid = false
    expect(await authenticate({ authorization: 'Bearer t' })).to.equal(undefined)
  })

  it('does not believe a token past its expiry', async () => {
    const { state, authenticate } = setup(1_000)
    await authenticate({ authorization: 'Bearer t' })
    state.nowMs = 1_000
    state.valid = false
    expect(await authenticate({ authorization: 'Bearer t' })).to.equal(undefined)
  })

  it('remembers no refusal', async () => {
    const { state, authenticate } = setup(60_000)
    state.valid = false
    await authenticate({ authorization: 'Bearer t' })
    state.valid = true
    expect(await authenticate({ authorization: 'Bearer t' })).to.equal(principal)
  })

  it('accepts bearer credentials alone', async () => {
    const { state, authenticate } = setup(60_000)
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Basic cm9vdDpyb290', 'Bearer a b', 't']) {
      expect(await authenticate({ authorization }), String(authorization)).to.equal(undefined)
    }
    expect(state.verified).to.deep.equal([])
    expect(await authenticate({ authorization: 'bearer t' })).to.equal(principal)
  })

  it('remembers ten thousand tokens and no more', async () => {
    const { state, authenticate } = setup(60_000)
    for (let index = 0; index <= 10_000; index++) await authenticate({ authorization: `Bearer ${index}` })
    state.verified.length = 0
    await authenticate({ authorization: 'Bearer 10000' })
    await authenticate({ authorization: 'Bearer 1' })
    expect(state.verified).to.deep.equal([])
    await authenticate({ authorization: 'Bearer 0' })
    expect(state.verified).to.deep.equal(['0'])
  })
})
