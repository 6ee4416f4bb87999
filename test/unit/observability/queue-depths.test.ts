import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { createSyntheticNode, prefetch, toTenant } from './synthetic-node.ts'

const tenant = toTenant(1)

function createTenant(...[state, inFlight = 0]: [state: 'running' | 'paused' | 'stopped' | 'quarantined', inFlight?: number]) {
  const made = createSyntheticNode(0)
  made.node.setState(tenant, state)
  made.node.hold(tenant, inFlight)
  return {
    ...made,
    async lookAfter(ms: number) {
      made.time.nowMs += ms
      made.asked.length = 0
      await made.depths.look()
      return made.asked.length
    },
  }
}

describe('the depths of queues', () => {
  it('ask nothing about a tenant that runs with less than its prefetch, or has finished its queue', async () => {
    expect(await createTenant('running', prefetch - 1).lookAfter(0)).to.equal(0)
    expect(await createTenant('stopped').lookAfter(0)).to.equal(0)
  })

  it('ask about one that is full, then until its queue is empty', async () => {
    const { node, depths, lookAfter } = createTenant('running', prefetch)
    node.ready.set(tenant, 70)
    expect(await lookAfter(0)).to.equal(1)
    expect(depths.readyOf(tenant)).to.equal(70)
    node.hold(tenant, 10)
    node.ready.set(tenant, 7)
    expect([await lookAfter(4_900), await lookAfter(100), depths.readyOf(tenant)]).to.deep.equal([0, 1, 7])
    node.ready.set(tenant, 0)
    expect(await lookAfter(5_000)).to.equal(1)
    expect([await lookAfter(60_000), depths.readyOf(tenant)]).to.deep.equal([0, 0])
  })

  it('look at a queue that stands still every half minute', async () => {
    const { lookAfter } = createTenant('paused')
    expect([await lookAfter(0), await lookAfter(29_000), await lookAfter(1_000)]).to.deep.equal([1, 0, 1])
  })

  it('ask at most twenty in a round, busy ones first, and everybody in the end', async () => {
    const { node, asked, time, depths } = createSyntheticNode(0)
    for (let number = 1; number <= 60; number++) node.setState(toTenant(number), number <= 50 ? 'paused' : 'running')
    for (let number = 51; number <= 60; number++) node.hold(toTenant(number), prefetch)
    await depths.look()
    expect(asked).to.have.length(20)
    expect(asked.slice(0, 10)).to.have.members(Array.from({ length: 10 }, (_, index) => toTenant(51 + index)))
    for (let round = 0; round < 4; round++) {
      time.nowMs += 1_000
      await depths.look()
    }
    expect(new Set(asked).size).to.equal(60)
  })

  it('take a tenth of the time at most, and rest for a minute at most', async () => {
    const { node, lookAfter } = createTenant('running', prefetch)
    node.ready.set(tenant, 1_000_000)
    node.lookMs = 800
    expect([await lookAfter(0), await lookAfter(7_900), await lookAfter(100)]).to.deep.equal([1, 0, 1])
    node.lookMs = 20_000
    expect([await lookAfter(8_000), await lookAfter(59_900), await lookAfter(100)]).to.deep.equal([1, 0, 1])
  })

  it('keep what they knew while the broker does not answer, and say how old it is', async () => {
    const { node, time, depths, lookAfter } = createTenant('paused')
    node.ready.set(tenant, 12)
    await lookAfter(0)
    node.ready.set(tenant, new AppError('broker.unavailable', 'away'))
    expect(await lookAfter(40_000)).to.equal(1)
    expect(depths.read()).to.deep.equal({ ready: 12, ageSeconds: 40 })
    node.isBrokerUp = false
    expect(await lookAfter(40_000)).to.equal(0)
    time.nowMs += 1_000
    expect(depths.read().ageSeconds).to.equal(81)
    depths.stop()
  })

  it('count a queue that does not exist as empty, and forget a tenant that is gone', async () => {
    const { node, board, depths, lookAfter } = createTenant('quarantined')
    node.ready.set(tenant, 12)
    await lookAfter(0)
    node.ready.set(tenant, new AppError('queue.missing', 'none'))
    await lookAfter(40_000)
    expect(depths.readyOf(tenant)).to.equal(0)
    node.ready.set(tenant, 3)
    await lookAfter(40_000)
    board.remove(tenant)
    await lookAfter(0)
    expect(depths.read()).to.deep.equal({ ready: 0, ageSeconds: 0 })
    depths.stop()
  })
})
