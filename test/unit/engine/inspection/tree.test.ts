import { expect } from 'chai'
import type { ActorPosition, ActorQuery } from '../../../../src/core/ports/inspection.ts'
import type { LocalEntry } from '../../../../src/engine/inspection/tree.ts'
import { node, type Rig, settled, startNode, tenantIdAt } from './rig.ts'

const count = 300
const own = tenantIdAt(5)

async function listAll(rig: Rig, query: Partial<ActorQuery>, limit: number): Promise<readonly LocalEntry[]> {
  const found: LocalEntry[] = []
  let after: ActorPosition | undefined
  do {
    const page = await rig.actors.list({ ...query, after, limit })
    expect(page.actors.length).to.be.at.most(limit)
    found.push(...page.actors)
    after = page.next
  } while (after)
  return found
}

describe('the tree of a node’s actors', () => {
  let rig: Rig
  let all: readonly LocalEntry[]
  const list = async (query: Partial<ActorQuery>): Promise<readonly LocalEntry[]> =>
    (await rig.actors.list({ limit: 10_000, ...query })).actors

  before(async () => {
    rig = startNode({ serves: true })
    for (let index = 0; index < count; index++) rig.desire(tenantIdAt(index))
    await settled()
    rig.desire(own, { status: 'paused', config: { api: { password: 'canary', url: 'https://example.test' } } })
    all = await list({})
  })

  it('has every actor under an id of its own, parents before their children', () => {
    // Manager, six services with what they run, the shards, and of each tenant five.
    expect(all.length).to.be.greaterThan(64 + count * 5)
    expect(new Set(all.map(({ id }) => id)).size).to.equal(all.length)
    const seen = new Set<string | null>([null])
    for (const { id, parent } of all) {
      expect(seen.has(parent), `${id} before ${parent}`).to.equal(true)
      seen.add(id)
    }
    expect(all[0]).to.include({ id: 'tenantManager', kind: 'tenantManager', parent: null, node, tenantId: null })
  })

  it('counts as people do, and its paths compare as it is ordered', () => {
    expect(all.filter(({ kind }) => kind === 'supervisor').map(({ id }) => id)).to.deep.equal(
      Array.from({ length: 64 }, (_, shard) => `supervisor:${shard}`),
    )
    expect(all.map(({ path }) => path).sort()).to.deep.equal(all.map(({ path }) => path))
  })

  it('is the same in pages of any length', async () => {
    const ids = all.map(({ id }) => id)
    for (const limit of [1_000, 101, 7]) expect((await listAll(rig, {}, limit)).map(({ id }) => id)).to.deep.equal(ids)
  })

  it('goes on after a place on another node with what comes after that node', async () => {
    const [first, second] = all
    const afterFirst = (name: string) => list({ after: { path: first?.path ?? '', node: name }, limit: 1 })
    expect((await afterFirst('node-0'))[0]?.id).to.equal(first?.id)
    expect((await afterFirst('node-2'))[0]?.id).to.equal(second?.id)
  })

  it('shows one tenant’s part, a kind, a state, or the children of one', async () => {
    const part = await list({ tenantId: own })
    expect(part.map(({ id }) => id)).to.deep.equal(
      ['', '.consumer', '.deadLetters', '.worker:1', '.worker:2'].map((below) => `tenant:${own}${below}`),
    )
    expect(part.every(({ tenantId }) => tenantId === own)).to.equal(true)
    expect(await list({ kind: 'worker' })).to.have.length(count * 2)
    expect((await list({ state: 'paused' })).map(({ id }) => id)).to.deep.equal([`tenant:${own}`])
    expect((await list({ parent: 'brokerLink' })).map(({ id, kind }) => [id, kind])).to.deep.equal([['brokerLink.watchBroker', 'task']])
    expect(await list({ parent: 'supervisor:5', tenantId: own })).to.have.length(1)
    expect(await list({ tenantId: tenantIdAt(count) })).to.deep.equal([])
    expect(await list({ parent: 'nobody' })).to.deep.equal([])
    expect(await list({ node: 'node-2' })).to.deep.equal([])
  })

  it('lets others work while it searches', async () => {
    let turns = 0
    const count = (): void => {
      turns++
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    expect(await list({ state: 'nowhere' })).to.deep.equal([])
    clearImmediate(immediate)
    expect(turns).to.be.at.least(1)
  })

  it('tells everything of one actor, without its secrets', () => {
    const detail = rig.actors.find(`tenant:${own}`)
    expect(detail).to.include({ kind: 'tenant', state: 'paused', parent: 'supervisor:5' })
    expect(detail?.value).to.deep.equal({ attached: { serving: { activity: 'paused', sizing: 'steady' } } })
    expect(detail?.context).to.have.nested.property('desired.config.api.password', '[redacted]')
    expect(detail?.context).to.have.nested.property('desired.config.api.url', 'https://example.test')
    expect(detail?.allowedEvents).to.deep.equal([
      ...['consumer.lost', 'partition.missing', 'tenant.abort', 'tenant.desire', 'tenant.end', 'tenant.vanish', 'worker.respawn'],
    ])
    expect(detail?.children.map(({ kind }) => kind)).to.deep.equal(['consumer', 'deadLetters', 'worker', 'worker'])
    expect(detail?.definition?.name).to.equal('tenant')
    expect(rig.actors.find('ledger')?.context).to.include({ parent: 'tenantManager' })
    expect(rig.actors.find(`tenant:${own}.consumer`)).to.include({ state: 'active', value: null, context: null, definition: null })
  })

  it('cuts short what is large', () => {
    const told = rig.actors.find('tenantManager')?.context
    expect(Object.keys((told as { told: object }).told)).to.have.length(101)
    expect(told).to.have.nested.property('told.…', `and ${count - 100} more`)
  })

  it('knows nobody by a wrong id', () => {
    for (const id of ['', 'nobody', 'tenant:', `tenant:${tenantIdAt(count)}`, `tenant:${own}.worker:9`, 'tenantManager.x', '__proto__']) {
      expect(rig.actors.find(id), id).to.equal(undefined)
    }
  })
})
