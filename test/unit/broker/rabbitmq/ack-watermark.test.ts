import { expect } from 'chai'
import fc from 'fast-check'
import { type AckWatermark, createAckWatermark } from '../../../../src/broker/rabbitmq/ack-watermark.ts'

type Step = readonly ['commit' | 'exclude', number]

/** After the steps: the tag to acknowledge with all below, the stragglers at threshold 1, how many waited. */
const table: readonly { name: string; steps: readonly Step[]; upTo?: number; stragglers?: readonly number[]; waiting?: number }[] = [
  { name: 'nothing recorded', steps: [] },
  { name: 'the first', steps: [['commit', 1]], upTo: 1 },
  { name: 'a run in order', steps: [1, 2, 3].map((tag) => ['commit', tag] as const), upTo: 3 },
  { name: 'a run in any order', steps: [3, 1, 2].map((tag) => ['commit', tag] as const), upTo: 3 },
  { name: 'a gap', steps: [2, 3].map((tag) => ['commit', tag] as const), stragglers: [2, 3], waiting: 2 },
  { name: 'a run, then a gap', steps: [1, 3].map((tag) => ['commit', tag] as const), upTo: 1, stragglers: [3], waiting: 1 },
  {
    name: 'one that was told, first',
    steps: [
      ['exclude', 1],
      ['commit', 2],
    ],
    upTo: 2,
  },
  {
    name: 'one that was told, last',
    steps: [
      ['commit', 1],
      ['exclude', 2],
    ],
    upTo: 1,
  },
  {
    name: 'only told ones',
    steps: [
      ['exclude', 1],
      ['exclude', 2],
    ],
  },
  {
    name: 'a told one that closes the gap',
    steps: [
      ['commit', 2],
      ['exclude', 1],
    ],
    upTo: 2,
  },
  {
    name: 'the same twice',
    steps: [
      ['commit', 1],
      ['commit', 1],
    ],
    upTo: 1,
  },
]

describe('createAckWatermark', () => {
  for (const { name, steps, upTo, stragglers = [], waiting = 0 } of table) {
    it(`${name}: acknowledges ${upTo ?? 'nothing'}${stragglers.length > 0 ? ` and ${stragglers} alone` : ''}`, () => {
      const watermark = createAckWatermark()
      for (const [verb, tag] of steps) watermark[verb](tag)
      expect(watermark.waiting).to.equal(waiting)
      expect(watermark.takeUpTo()).to.equal(upTo)
      expect(watermark.takeStragglers(1)).to.have.members(stragglers)
      expect(watermark.takeUpTo()).to.equal(undefined)
      expect(watermark.takeStragglers(1)).to.deep.equal([])
    })
  }

  it('keeps stragglers back until there are as many as the threshold', () => {
    const watermark = createAckWatermark()
    watermark.commit(2)
    expect(watermark.takeStragglers(2)).to.deep.equal([])
    watermark.commit(4)
    expect(watermark.takeStragglers(2)).to.deep.equal([2, 4])
    watermark.commit(1)
    watermark.commit(3)
    expect(watermark.takeUpTo()).to.equal(3)
  })

  it('settles a tag by the first word about it', () => {
    const watermark = createAckWatermark()
    watermark.commit(1)
    expect(watermark.exclude(1)).to.equal(false)
    watermark.commit(3)
    expect(watermark.exclude(3)).to.equal(false)
    expect(watermark.exclude(4)).to.equal(true)
    expect(watermark.exclude(4)).to.equal(false)
    watermark.commit(4)
    watermark.commit(2)
    expect(watermark.takeUpTo()).to.equal(3)
  })

  it('never names an uncommitted or told tag, and tells every committed one', () => {
    fc.assert(fc.property(scripts, runScript), { numRuns: 2_000 })
  })
})

type Action = { readonly verb: 'commit' | 'exclude'; readonly tag: number } | { readonly verb: 'flush'; readonly threshold: number }

const tags = fc.integer({ min: 1, max: 30 })
const scripts: fc.Arbitrary<readonly Action[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: tags.map((tag): Action => ({ verb: 'commit', tag })) },
    { weight: 2, arbitrary: tags.map((tag): Action => ({ verb: 'exclude', tag })) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 6 }).map((threshold): Action => ({ verb: 'flush', threshold })) },
  ),
  { maxLength: 80 },
)

/** Plays the broker: it holds tags 1 to 30 and forgets those it is told about. */
function runScript(script: readonly Action[]): void {
  const watermark = createAckWatermark()
  const held = new Set(Array.from({ length: 30 }, (_, index) => index + 1))
  const committed = new Set<number>()
  for (const action of script) {
    if (action.verb === 'flush') flush(watermark, action.threshold, held, committed)
    else if (action.verb === 'commit') {
      watermark.commit(action.tag)
      if (held.has(action.tag)) committed.add(action.tag)
    } else {
      const isOpen = held.has(action.tag) && !committed.has(action.tag)
      expect(watermark.exclude(action.tag)).to.equal(isOpen)
      if (isOpen) held.delete(action.tag)
    }
  }
  flush(watermark, 1, held, committed)
  for (const tag of committed) expect(held.has(tag), `tag ${tag} is told`).to.equal(false)
  expect(watermark.waiting).to.equal(0)
}

function flush(watermark: AckWatermark, threshold: number, held: Set<number>, committed: ReadonlySet<number>): void {
  const forget = (tag: number): void => {
    expect(committed.has(tag), `tag ${tag} is committed`).to.equal(true)
    expect(held.delete(tag), `tag ${tag} is still held`).to.equal(true)
  }
  const upTo = watermark.takeUpTo()
  if (upTo !== undefined) {
    expect(held.has(upTo), `tag ${upTo} is still held`).to.equal(true)
    for (const tag of [...held]) if (tag <= upTo) forget(tag)
  }
  for (const tag of watermark.takeStragglers(threshold)) forget(tag)
}
