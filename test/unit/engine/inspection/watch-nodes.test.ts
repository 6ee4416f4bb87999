import { expect } from 'chai'
import type { WatchFilter } from '../../../../src/core/ports/inspection.ts'
import type { WatchTiming } from '../../../../src/engine/inspection/watch.ts'
import { eventually } from '../../../support/eventually.ts'
import { acme, createNode, createTown, other, toWord } from './watch-rig.ts'

/** Three nodes of which `a` is watched at. */
function createNodes(timing: Partial<WatchTiming> = {}) {
  const town = createTown()
  const node = (name: string) =>
    createNode({ name, peers: town.peersOf(name), timing: { tick: 5, renew: 5, lease: 1_000, sample: 20, ...timing } })
  const [a, b, c] = [node('a'), node('b'), node('c')]
  return {
    town,
    a,
    b,
    c,
    /** A watcher, at `a` unless told otherwise, that the others have heard of. */
    async watch(filter: WatchFilter = {}, node = a) {
      const asked = town.told.length
      const watch = node.watch(filter)
      await eventually(() => town.told.length > asked && town.onTheWay === 0)
      return watch
    },
    [Symbol.dispose]() {
      for (const each of [a, b, c]) each[Symbol.dispose]()
    },
  }
}

describe('a watch over several nodes', () => {
  it('tells what happens on the others, with their names, and nothing twice', async () => {
    using nodes = createNodes()
    const { a, b, c } = nodes
    const watch = await nodes.watch()
    // A node that is watched itself passes nothing on that it has only heard.
    const there = await nodes.watch({}, b)
    a.go(a.manager, 'from a')
    b.go(b.worker(acme), 'from b')
    c.go(c.manager, 'from c')
    const items = await watch.take(3)
    const told = items.map((item) => (item.type === 'change' ? [item.change.node, item.change.actorId, item.change.to] : item.type))
    expect(told).to.have.deep.members([
      ['a', 'tenantManager', 'from a'],
      ['b', `tenant:${acme}.worker:1`, 'from b'],
      ['c', 'tenantManager', 'from c'],
    ])
    expect((await there.take(3)).map(toWord)).to.have.members(['from a', 'from b', 'from c'])
    a.go(a.manager, 'last')
    expect([toWord(await watch.next()), toWord(await there.next())]).to.deep.equal(['last', 'last'])
  })

  it('is filtered there, by parents too, and once more here', async () => {
    using nodes = createNodes()
    const { a, b, town } = nodes
    const below = await nodes.watch({ actorId: 'supervisor:1' })
    const own = await nodes.watch({ tenantId: acme })
    const watched = () => town.told.filter(({ topic, from }) => topic === 'watched' && from === 'b')
    b.go(b.tenant(other), 'not theirs')
    b.go(b.tenant(acme), 'theirs')
    expect([toWord(await below.next()), toWord(await own.next())]).to.deep.equal(['theirs', 'theirs'])
    expect(JSON.stringify(watched())).to.not.include('not theirs')
    expect(new Set(watched().map(({ to }) => to))).to.deep.equal(new Set(['a']))

    const place = { id: `tenant:${other}`, kind: 'tenant', tenantId: other, above: [] }
    const change = { kind: 'transition', atMs: 1, event: 'e', from: null, place }
    town.peersOf('c').tell('watched', { batch: 1, changes: [{ ...change, to: 'of the other' }], rest: [] })
    a.go(a.tenant(acme), 'last')
    expect([toWord(await below.next()), toWord(await own.next())]).to.deep.equal(['last', 'last'])
  })

  it('ends on the others when nobody watches any more, and when a node is not asked again', async () => {
    using nodes = createNodes({ linger: 10 })
    const { b, c } = nodes
    const watch = await nodes.watch()
    watch.leave()
    await eventually(() => !b.isListening() && !c.isListening())

    using lonely = createNodes({ lease: 30 })
    await lonely.watch()
    lonely.town.loses = (topic) => topic === 'watch'
    await eventually(() => !lonely.b.isListening())
  })

  it('goes on as long as somebody watches', async () => {
    // Longer than a slow machine may keep a renewal waiting.
    const lease = 1_000
    using nodes = createNodes({ lease })
    const watch = await nodes.watch()
    const sinceMs = performance.now()
    await eventually(() => performance.now() - sinceMs > 1.5 * lease)
    nodes.b.go(nodes.b.manager, 'still')
    expect(toWord(await watch.next())).to.equal('still')
  })

  it('counts what is too much to be told, apart for each watcher', async () => {
    using nodes = createNodes()
    const { a, b } = nodes
    const ofTenant: WatchFilter = { tenantId: acme, actorKind: 'tenant' }
    const all = await nodes.watch()
    const one = await nodes.watch(ofTenant)
    const startOf = async (filter: WatchFilter) => (await a.watch(filter, { after: 'unknown' }).next()).id
    const [start, startOfTenant] = [await startOf({}), await startOf(ofTenant)]
    const many = 3_000
    for (let index = 0; index < many; index++) b.go(b.worker(other), `${index % 3}`)
    b.go(b.tenant(acme), 'mine')
    let total = 0
    while (total < many + 1) {
      const item = await all.next()
      if (item.type === 'change') total += 1
      if (item.type === 'summary') total += item.summary.total
    }
    expect(total).to.equal(many + 1)
    // A flood that another watcher wants to see does not hide what this one does.
    const mine = await one.next()
    expect(toWord(mine)).to.equal('mine')

    // What was counted cannot be told again one by one; what was not, can.
    expect((await a.watch({}, { after: start }).next()).type).to.equal('gap')
    expect(toWord(await a.watch(ofTenant, { after: startOfTenant }).next())).to.equal('mine')
  })

  it('that is taken up again has what happened on the others meanwhile', async () => {
    using nodes = createNodes()
    const { a, b } = nodes
    const before = await nodes.watch({ tenantId: acme })
    b.go(b.tenant(acme), 'first')
    const { id: after } = await before.next()
    before.leave()
    b.go(b.tenant(other), 'not theirs')
    b.go(b.tenant(acme), 'second')
    await eventually(() => nodes.town.told.some(({ news }) => JSON.stringify(news).includes('second')))
    const again = a.watch({ tenantId: acme }, { after })
    expect(toWord(await again.next())).to.equal('second')
    // The others have not told of the other tenant: nobody can say what has happened there since.
    expect((await a.watch({ tenantId: other }, { after }).next()).type).to.equal('gap')
  })

  it('says that something is lost when a node has told what did not come', async () => {
    using nodes = createNodes()
    const { a, b, town } = nodes
    const watch = await nodes.watch()
    b.go(b.manager, 'first')
    const { id: after } = await watch.next()
    const told = () => town.told.filter(({ topic }) => topic === 'watched').length
    town.loses = (topic) => topic === 'watched'
    b.go(b.manager, 'lost')
    await eventually(() => told() === 2)
    town.loses = () => false
    b.go(b.manager, 'third')
    expect((await watch.take(2)).map(toWord)).to.deep.equal(['gap', 'third'])
    expect((await a.watch({}, { after }).next()).type).to.equal('gap')
  })

  it('says that something is lost when a node has gone, whether or not it had told anything, once', async () => {
    using nodes = createNodes()
    const { a, b, town } = nodes
    const watch = await nodes.watch()
    b.go(b.manager, 'first')
    const { id: after } = await watch.next()
    for (const node of ['b', 'c']) {
      town.dead.add(node)
      expect(toWord(await watch.next())).to.equal('gap')
    }
    expect((await a.watch({}, { after }).next()).type).to.equal('gap')
    const asked = town.told.length
    await eventually(() => town.told.length > asked + 2)
    a.go(a.manager, 'last')
    expect(toWord(await watch.next())).to.equal('last')
  })

  it('takes no harm from what it does not understand', async () => {
    using nodes = createNodes()
    const { a, town } = nodes
    const watch = await nodes.watch()
    const stranger = town.peersOf('stranger')
    const odd = [
      null,
      1,
      'x',
      [],
      {},
      { filters: 1, forMs: 1 },
      { filters: [null, 1, { filter: null }], forMs: 5 },
      { filters: [], forMs: Number.NaN },
    ]
    for (const news of odd) stranger.tell('watch', news)
    const change = {
      place: { id: 'x', kind: 'worker', tenantId: null, above: [] },
      kind: 'transition',
      atMs: 1,
      event: 'e',
      from: null,
      to: 't',
    }
    const broken = [null, 1, {}, { ...change, place: null }, { ...change, to: 1 }, { ...change, place: { ...change.place, above: [1] } }]
    stranger.tell('watched', {
      batch: 1,
      changes: [...broken, change],
      rest: [null, { key: 1 }, { key: 'k', counts: [null, {}] }],
    })
    for (const news of [...odd, { batch: 'x', changes: [], rest: [] }]) stranger.tell('watched', news)
    expect(toWord(await watch.next())).to.equal('t')
    a.go(a.manager, 'last')
    expect(toWord(await watch.next())).to.equal('last')
  })
})
