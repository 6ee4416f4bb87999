import { expect } from 'chai'
import { readFlightRecord, replay } from '../../../src/engine/index.ts'
import { defineHandler } from '../../../src/index.ts'
import { startEngine, startNodeOn, type TestEngine, type TestNode } from '../../support/engine.ts'
import { openEvents } from '../../support/event-client.ts'
import { eventually } from '../../support/eventually.ts'

interface Entry {
  readonly id: string
  readonly kind: string
  readonly state: string
  readonly node: string
}
interface List {
  readonly data: readonly Entry[]
  readonly missing_nodes: readonly string[]
}

interface RecordEntry {
  readonly id: string
  readonly machine: string
  readonly reason: string
}

/** A tenant whose restart budget is nothing is quarantined at its first fault. */
const config = { restart: { maxRestarts: 0 } }
const handlers = [defineHandler({ type: 'slow', handle: () => new Promise<void>(setImmediate) })]

describe('inspection of two nodes on rabbitmq', function () {
  this.timeout(40_000)
  let first: TestEngine
  let second: TestNode
  let tenantId: string

  before(async () => {
    first = await startEngine({ broker: 'rabbitmq', config, handlers })
    second = await startNodeOn(first.installation, { config, handlers })
  })
  beforeEach(async () => {
    tenantId = (await first.api.createTenant()).id
    await eventually(async () => expect((await tenantActors()).map(({ state }) => state)).to.deep.equal(['running', 'running']))
  })
  after(async () => {
    await second.close(5_000)
    await first[Symbol.asyncDispose]()
  })

  const list = (path: string) => first.api.expect<List>(200, 'GET', path)
  const tenantActors = async () => (await list(`/v1/tenants/${tenantId}/actors?kind=tenant`)).data
  const nodesOf = (entries: readonly Entry[]) => [...new Set(entries.map(({ node }) => node))]

  it('lists the actors of both, each under its node', async () => {
    const { data, missing_nodes } = await list('/v1/actors?kind=tenantManager')
    expect(data.map(({ id }) => id)).to.deep.equal(['tenantManager', 'tenantManager'])
    expect(nodesOf(data)).to.have.length(2)
    expect(missing_nodes).to.deep.equal([])
    const [here, elsewhere] = (await tenantActors()).map(({ node }) => node)
    const one = await first.api.expect<Entry & { elsewhere: readonly Entry[] }>(200, 'GET', `/v1/actors/tenant:${tenantId}`)
    expect([one.node, ...one.elsewhere.map(({ node }) => node)]).to.have.members([here, elsewhere])
  })

  it('tells a watcher of one what happens on both, in the words of each', async () => {
    await using stream = await openEvents(`${first.api.url}/v1/actors/stream?tenant_id=${tenantId}&kind=tenant`, {
      authorization: `Bearer ${first.api.token}`,
    })
    // The other node is told of the watcher a moment after the headers: what it does then is heard.
    await eventually(async () => {
      await second.api.expect(200, 'POST', `/v1/tenants/${tenantId}/pause`)
      await second.api.expect(200, 'POST', `/v1/tenants/${tenantId}/resume`)
      const paused = stream.events().filter(({ event, data }) => event === 'transition' && data.to === 'paused')
      expect(nodesOf(paused.map(({ data }) => data))).to.have.length(2)
    })
    expect(stream.events().every(({ event, data }) => event === 'gap' || data.tenant_id === tenantId)).to.equal(true)
  })

  it('keeps what crashed workers and their quarantined tenant had been through, for any node to read and for a replay', async () => {
    // A fault in the engine itself: what a handler does ends no worker.
    const { metrics } = first.node
    const { handlerRan } = metrics
    Object.assign(metrics, { handlerRan: () => fail('the meter is broken') })
    try {
      // Either node may get one of them.
      for (let n = 0; n < 10; n++) await first.api.publish(tenantId, { type: 'slow' })
      await eventually(async () => expect((await tenantActors()).map(({ state }) => state)).to.include('quarantined'))
    } finally {
      Object.assign(metrics, { handlerRan })
    }
    const records = await eventually(async () => {
      const { data } = await second.api.expect<{ data: readonly RecordEntry[] }>(200, 'GET', `/v1/flight-records?tenant_id=${tenantId}`)
      expect(data.map(({ machine }) => machine)).to.include.members(['worker', 'tenant'])
      return data
    })
    for (const { id, reason } of records) {
      expect(reason).to.include('the meter is broken')
      const { text } = await second.api.call('GET', `/v1/flight-records/${id}?download=1`)
      const dump = readFlightRecord(text)
      expect('fault' in dump ? dump.fault : replay(dump).differences).to.deep.equal([])
    }
    const explained = await first.api.expect(200, 'GET', `/v1/tenants/${tenantId}/explain`)
    expect(explained.blocked_by).to.equal('tenant.quarantined')
  })
})

function fail(reason: string): never {
  throw new Error(reason)
}
