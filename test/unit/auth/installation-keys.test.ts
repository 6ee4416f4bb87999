import { expect } from 'chai'
import { deriveKeys } from '../../../src/auth/installation-keys.ts'

const current = 'a'.repeat(32)
const previous = 'b'.repeat(32)

describe('deriveKeys', () => {
  it('derives the same keys from the same secret, the current one first', () => {
    const both = deriveKeys({ current, previous })
    expect(deriveKeys({ current }).tokens).to.deep.equal(both.tokens.slice(0, 1))
    expect(deriveKeys({ current: previous }).sealing).to.deep.equal(both.sealing.slice(1))
    expect(deriveKeys({ current, previous: current }).tokens).to.have.length(1)
  })

  it('keeps what it derives, or no token and no sealed secret of yesterday would open', () => {
    const { tokens, sealing } = deriveKeys({ current })
    expect(tokens.map(({ kid }) => kid)).to.deep.equal(['644280b1231633e9'])
    expect(sealing.map(({ keyId }) => keyId)).to.deep.equal(['f4e408da098e069f'])
  })

  it('derives another key of 32 bytes for each purpose and each secret, named by 16 hexadecimal digits', () => {
    const { tokens, sealing } = deriveKeys({ current, previous })
    const keys = [...tokens, ...sealing].map(({ key }) => key.toString('hex'))
    expect(new Set(keys).size).to.equal(4)
    for (const key of keys) expect(key).to.have.length(64)
    for (const name of [...tokens.map(({ kid }) => kid), ...sealing.map(({ keyId }) => keyId)]) expect(name).to.match(/^[0-9a-f]{16}$/)
  })
})
