import { expect } from 'chai'
import fc from 'fast-check'
import { createTurns, type Numbered } from '../../../actors/ledger/turns.ts'

interface Entry extends Numbered {
  readonly owner: number
  readonly serial: number
}

/** What one owner may take in its turn while others wait, when a fair share is less. */
const longestRun = 16

type Step = { readonly add: number } | { readonly take: number } | { readonly putBack: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ add: fc.integer({ min: 0, max: 4 }) }), weight: 4 },
  { arbitrary: fc.record({ take: fc.integer({ min: 0, max: 9 }) }), weight: 2 },
  { arbitrary: fc.record({ putBack: fc.integer({ min: 0, max: 9 }) }), weight: 1 },
)

describe('createTurns', () => {
  it('keeps each owner’s order, and loses and doubles nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const turns = createTurns<number, Entry>(({ owner }) => owner)
        const waiting = new Map<number, number[]>()
        let serial = 0
        let size = 0
        const expectNext = (batch: readonly Entry[]): void => {
          for (const { owner, serial: taken } of batch) expect(waiting.get(owner)?.shift()).to.equal(taken)
        }
        for (const each of steps) {
          if ('add' in each) {
            turns.add({ owner: each.add, serial })
            waiting.set(each.add, [...(waiting.get(each.add) ?? []), serial++])
            size++
          } else if ('take' in each) {
            const batch = turns.take(each.take)
            expect(batch).to.have.length(Math.min(each.take, size))
            expectNext(batch)
            size -= batch.length
          } else {
            const batch = turns.take(each.putBack)
            expectNext(batch)
            turns.putBack(batch)
            for (const { owner, serial: back } of batch.toReversed()) waiting.get(owner)?.unshift(back)
          }
          expect(turns.size).to.equal(size)
        }
        expectNext(turns.take(size))
        expect([...waiting.values()].flat()).to.deep.equal([])
      }),
    )
  })

  it('serves every waiting owner before long, however much the others have', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 64 }), (counts, size) => {
        const turns = createTurns<number, Entry>(({ owner }) => owner)
        for (const [owner, count] of counts.entries()) for (let serial = 0; serial < count; serial++) turns.add({ owner, serial })
        const served = new Set<number>()
        for (let batch = 0; batch <= Math.ceil((counts.length * longestRun) / size); batch++)
          for (const { owner } of turns.take(size)) served.add(owner)
        expect(served.size).to.equal(counts.length)
      }),
    )
  })

  it('lets an owner that has just come go before those that were served', () => {
    const turns = createTurns<string, Numbered & { readonly owner: string }>(({ owner }) => owner)
    for (let index = 0; index < 5_000; index++) turns.add({ owner: 'flood' })
    turns.take(10)
    turns.add({ owner: 'single' })
    expect(turns.take(10).map(({ owner }) => owner)).to.include('single')
  })

  it('finds the order of thousands again, in whatever order they are put back', () => {
    const turns = createTurns<number, Entry>(({ owner }) => owner)
    for (let serial = 0; serial < 5_000; serial++) turns.add({ owner: 0, serial })
    const first = turns.take(2_000)
    turns.putBack(first)
    expect(turns.take(5_000).map(({ serial }) => serial)).to.deep.equal(Array.from({ length: 5_000 }, (_, serial) => serial))
    expect(turns.take(1)).to.deep.equal([])
  })
})
