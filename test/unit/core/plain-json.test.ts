import { expect } from 'chai'
import { toPlainJson } from '../../../src/core/plain-json.ts'

describe('toPlainJson', () => {
  it('makes bounded JSON of anything', () => {
    const cycle: Record<string, unknown> = { name: 'x'.repeat(10_000) }
    cycle.self = cycle
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, Array(1_000).fill({ a: 1 })]))
    const odd = [Number.NaN, 1n, Symbol('s'), new Map(), new Error('e'), new Date(Number.NaN), Object.create(null)]
    for (const value of [cycle, many, odd]) expect(JSON.stringify(toPlainJson(value)).length).to.be.lessThan(100_000)
    expect(toPlainJson(odd)).to.deep.equal(['NaN', '1', 'Symbol(s)', '[Map]', 'e', 'Invalid Date', {}])
    const thrower = { get bad(): never { throw new Error('bad') }, good: 1 } // biome-ignore format: one line
    expect(toPlainJson(thrower)).to.deep.equal({ good: 1 })
    expect(toPlainJson([undefined, null, true, () => 1, class A {}])).to.deep.equal([null, null, true, '[function]', '[A]'])
  })

  it('says what it leaves out', () => {
    expect(toPlainJson('x'.repeat(2_001))).to.equal(`${'x'.repeat(2_000)} … (2001 characters)`)
    expect(toPlainJson(Array(102).fill(0))).to.deep.equal([...Array(100).fill(0), '… and 2 more'])
    const wide = Object.fromEntries(Array.from({ length: 103 }, (_, index) => [`k${index}`, 0]))
    expect(toPlainJson(wide)).to.have.property('…', 'and 3 more')
    let deep: unknown = 1
    for (let depth = 0; depth < 20; depth++) deep = [deep]
    expect(JSON.stringify(toPlainJson(deep))).to.equal(`${'['.repeat(16)}"…"${']'.repeat(16)}`)
  })

  it('holds no secrets, and has the words for objects that it is given', () => {
    const special = new Map()
    const value = { password: 'hunter2', text: 'Bearer abcdefghijk', special }
    expect(toPlainJson(value, (object) => (object === special ? 'a word' : undefined))).to.deep.equal({
      password: '[redacted]',
      text: 'Bearer [redacted]',
      special: 'a word',
    })
    const fails = () => {
      throw new Error('no word')
    }
    expect(toPlainJson({}, fails)).to.equal('cannot be shown: no word')
  })
})
