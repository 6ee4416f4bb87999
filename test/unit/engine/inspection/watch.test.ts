import { expect } from 'chai'
import fc from 'fast-check'
import type { WatchFilter } from '../../../../src/core/ports/inspection.ts'
import { eventually } from '../../../support/eventually.ts'
import { acme, createNode, other, toWord } from './watch-rig.ts'

describe('a watch', () => {
  it('listens while somebody watches and for a while after, and not otherwise', async () => {
    using node = createNode({ timing: { linger: 30 } })
    expect(node.isListening()).to.equal(false)
    const [one, two] = [node.watch(), node.watch({ tenantId: acme })]
    expect(node.isListening()).to.equal(true)
    one.leave()
    two.leave()
    expect(node.isListening()).to.equal(true)
    await eventually(() => !node.isListening())
    node.watch()
    expect(node.isListening()).to.equal(true)
  })

  it('tells who, where, when and what', async () => {
    using node = createNode()
    const watch = node.watch()
    node.go(node.worker(acme), 'busy.working')
    const item = await watch.next()
    expect(item.type === 'change' && item.change).to.deep.equal({
      kind: 'transition',
      at: new Date(1_700_000_000_000),
      node: 'here',
      actorId: `tenant:${acme}.worker:1`,
      actorKind: 'worker',
      tenantId: acme,
      event: 'go.busy.working',
      from: 'before',
      to: 'busy.working',
    })
  })

  const filters: readonly [WatchFilter, string][] = [
    [{}, 'manager s1 s12 acme other worker'],
    [{ tenantId: acme }, 'acme worker'],
    [{ tenantId: other }, 'other'],
    [{ actorId: `tenant:${acme}` }, 'acme worker'],
    [{ actorId: `tenant:${acme}.worker:1` }, 'worker'],
    [{ actorId: 'supervisor:1' }, 's1 acme worker'],
    [{ actorId: 'tenantManager' }, 'manager s1 s12 acme other worker'],
    [{ actorKind: 'supervisor' }, 's1 s12'],
    [{ actorKind: 'tenant', actorId: 'supervisor:12' }, 'other'],
    [{ tenantId: acme, actorId: `tenant:${other}` }, ''],
    [{ actorKind: 'task' }, 'loop'],
    [{ tenantId: acme, actorKind: 'task' }, 'loop'],
    [{ tenantId: other, actorKind: 'task' }, ''],
    [{ actorId: `tenant:${acme}.worker:1.loop` }, 'loop'],
    [{ actorId: `tenant:${acme}`, actorKind: 'task' }, 'loop'],
  ]
  for (const [filter, expected] of filters) {
    it(`of ${JSON.stringify(filter)} tells of [${expected}] alone`, async () => {
      using node = createNode()
      const all = node.watch()
      const watch = node.watch(filter)
      const happen = () => {
        node.go(node.manager, 'manager')
        node.go(node.supervisor('supervisor:1'), 's1')
        node.go(node.supervisor('supervisor:12'), 's12')
        node.go(node.tenant(acme), 'acme')
        node.go(node.tenant(other), 'other')
        node.go(node.worker(acme), 'worker')
        node.go(node.loop(acme), 'loop')
      }
      happen()
      const words = expected === '' ? [] : expected.split(' ')
      expect((await watch.take(words.length)).map(toWord)).to.deep.equal(words)
      // Nothing more than what was expected lies before what comes next.
      happen()
      if (words.length > 0) expect(toWord(await watch.next())).to.equal(words[0])
      else {
        watch.leave()
        expect(await watch.ended()).to.equal(true)
      }
      expect((await all.take(12)).map(toWord)).to.have.length(12)
    })
  }

  it('asks which nodes there are while somebody watches, and not when it is closed', async () => {
    let asked = 0
    const others = async () => {
      asked += 1
      return []
    }
    using node = createNode({ peers: { tell() {}, hear: () => () => {}, others } })
    node.watch()
    await eventually(() => asked === 1)
    node.watches.close()
    expect(asked).to.equal(1)
  })

  it('hears of tasks only from when somebody asks for them, until it listens no more', async () => {
    using node = createNode({ timing: { linger: 30 } })
    const all = node.watch()
    node.watch({ tenantId: acme })
    expect(node.hearsTasks()).to.equal(false)
    const tasks = node.watch({ actorKind: 'task' })
    expect(node.hearsTasks()).to.equal(true)
    node.go(node.loop(acme), 'first')
    node.go(node.manager, 'manager')
    expect([toWord(await tasks.next()), toWord(await all.next())]).to.deep.equal(['first', 'manager'])
    tasks.leave()
    node.go(node.loop(acme), 'second')
    expect(node.hearsTasks(), 'who was cut off goes on').to.equal(true)
    node.watches.close()
    expect(node.isListening()).to.equal(false)
  })

  it('of all is no record of the tasks: whoever asks for these after its ids is told of a gap', async () => {
    using node = createNode()
    const all = node.watch()
    node.go(node.manager, 'manager')
    const { id: after } = await all.next()
    for (const filter of [{ actorKind: 'task' }, { actorId: `tenant:${acme}.worker:1.loop` }] as const) {
      expect(toWord(await node.watch(filter, { after }).next())).to.equal('gap')
    }
    node.go(node.worker(acme), 'worker')
    expect(toWord(await node.watch({ actorKind: 'worker' }, { after }).next())).to.equal('worker')
  })

  it('that is taken up again tells what has happened since, each once and in order, wherever it was cut', async () => {
    const step = fc.record({ tenant: fc.constantFrom(acme, other), reads: fc.nat(3), cut: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        using node = createNode()
        let watch = node.watch({ tenantId: acme })
        const [expected, read]: [string[], string[]] = [[], []]
        let after: string | undefined
        for (const [index, { tenant, reads, cut }] of steps.entries()) {
          node.go(node.worker(tenant), `${index}`)
          if (tenant === acme) expected.push(`${index}`)
          for (let more = Math.min(reads, expected.length - read.length); more > 0; more--) {
            const item = await watch.next()
            after = item.id
            read.push(toWord(item))
          }
          if (cut && after !== undefined) {
            watch.leave()
            watch = node.watch({ tenantId: acme }, { after })
          }
        }
        read.push(...(await watch.take(expected.length - read.length)).map(toWord))
        expect(read).to.deep.equal(expected)
      }),
      { numRuns: 50 },
    )
  })

  it('that is taken up from what is not remembered says so, and goes on from now', async () => {
    using node = createNode()
    const watch = node.watch()
    node.go(node.manager, 'first')
    const { id } = await watch.next()
    for (let index = 0; index < 5_000; index++) node.go(node.manager, 'much')
    const gapOf = async (filter: WatchFilter) => (await node.watch(filter, { after: id }).next()).id
    const [known, ofAcme] = [await gapOf({}), await gapOf({ tenantId: acme })]
    const strange = [
      '',
      '-',
      'x',
      known.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
      `0${known}`,
      `${known}=`,
      '='.repeat(22),
      ofAcme,
    ]
    for (const after of [id, ...strange]) {
      const again = node.watch({}, { after })
      node.go(node.manager, 'then')
      const [gap, change] = await again.take(2)
      expect([gap?.type, change && toWord(change)]).to.deep.equal(['gap', 'then'])
      // The gap's own id is one to go on from.
      const third = node.watch({}, { after: gap?.id ?? '' })
      expect(toWord(await third.next())).to.equal('then')
    }
  })

  it('remembers nothing from before its feed was started anew', async () => {
    using node = createNode({ timing: { linger: 5 } })
    const watch = node.watch()
    node.go(node.manager, 'first')
    const { id: after } = await watch.next()
    watch.leave()
    await eventually(() => !node.isListening())
    expect((await node.watch({}, { after }).next()).type).to.equal('gap')
  })

  it('has ids that do not tell how much others do, nor whether they do anything', async () => {
    using node = createNode()
    const watch = node.watch({ tenantId: acme })
    for (let index = 0; index < 100; index++) {
      node.go(node.worker(acme), 'own')
      node.go(node.worker(other), 'theirs')
    }
    const ids = (await watch.take(100)).map(({ id }) => id)
    // Two that stand for the same number would tell that nothing has happened between.
    for (let index = 0; index < 20; index++) ids.push((await node.watch({ tenantId: acme }, { after: 'unknown' }).next()).id)
    for (const id of ids) expect(id).to.match(/^[\w-]{22}$/)
    expect(new Set(ids.map((id) => id.slice(0, 11)))).to.have.property('size', 120)
    expect(new Set(ids.map((id) => id.slice(11)))).to.have.property('size', 120)
  })

  it('of a tenant is forgotten in the same time whether somebody else watches or not', async () => {
    using node = createNode({ timing: { linger: 5 } })
    const [all, own] = [node.watch(), node.watch({ tenantId: acme })]
    node.go(node.tenant(acme), 'first')
    const { id: after } = await own.next()
    own.leave()
    expect(toWord(await all.next())).to.equal('first')
    // Timers end in the order of their times: the one that forgets has ended by then.
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect((await node.watch({ tenantId: acme }, { after }).next()).type).to.equal('gap')
  })

  it('sums up what is too much for a second, and tells one by one again in the next', async () => {
    using node = createNode({ timing: { sample: 20 } })
    const [watch, patient] = [node.watch({}, { maxPerSecond: 3 }), node.watch({})]
    for (const to of ['a', 'a', 'a', 'b', 'c', 'c']) node.go(node.worker(acme), to)
    node.go(node.manager, 'b')
    expect((await watch.take(3)).map(toWord)).to.deep.equal(['a', 'a', 'a'])
    const item = await watch.next()
    if (item.type !== 'summary') throw new Error(`a ${item.type} came`)
    expect(item.summary.total).to.equal(4)
    expect(item.summary.counts).to.deep.equal([
      { actorKind: 'worker', from: 'before', to: 'c', count: 2 },
      { actorKind: 'worker', from: 'before', to: 'b', count: 1 },
      { actorKind: 'tenantManager', from: 'before', to: 'b', count: 1 },
    ])
    expect(item.summary.to.getTime()).to.be.at.least(item.summary.from.getTime())
    node.go(node.manager, 'next')
    expect(toWord(await watch.next())).to.equal('next')
    // What another watcher takes is not this one's concern.
    expect((await patient.take(8)).map(toWord)).to.deep.equal(['a', 'a', 'a', 'b', 'c', 'c', 'b', 'next'])
    expect((await node.watch({}, { after: item.id }).take(1)).map(toWord)).to.deep.equal(['next'])
  })

  it('names the fifty most frequent changes of a summary, and counts all', async () => {
    using node = createNode({ timing: { sample: 20 } })
    const watch = node.watch({}, { maxPerSecond: 1 })
    node.go(node.manager, 'told')
    for (let index = 0; index < 2_000; index++) node.go(node.manager, `to ${index}`)
    for (let index = 0; index < 10; index++) node.go(node.manager, 'to 700')
    const [, item] = await watch.take(2)
    if (item?.type !== 'summary') throw new Error(`a ${item?.type} came`)
    expect(item.summary.total).to.equal(2_010)
    expect(item.summary.counts).to.have.length(50)
    expect(item.summary.counts[0]).to.include({ to: 'to 700', count: 11 })
  })

  it('of one who does not read keeps a thousand changes and counts the rest', async () => {
    using node = createNode({ timing: { sample: 10 }, nowMs: Date.now })
    const watch = node.watch({}, { maxPerSecond: 100_000 })
    for (let index = 0; index < 20_000; index++) node.go(node.worker(acme), `${index % 5}`)
    const items = await watch.take(1_001)
    expect(items.slice(0, 1_000).every(({ type }) => type === 'change')).to.equal(true)
    const last = items.at(-1)
    expect(last?.type === 'summary' && last.summary.total).to.equal(19_000)
  })

  it('ends when its signal says so, whether it waits or not, and when all watches are closed', async () => {
    using node = createNode()
    const [waiting, full, closed] = [node.watch(), node.watch(), node.watch()]
    const ended = waiting.ended()
    waiting.leave()
    expect(await ended).to.equal(true)
    node.go(node.manager, 'more')
    full.leave()
    expect(await full.ended()).to.equal(true)
    expect(toWord(await closed.next())).to.equal('more')
    node.watches.close()
    node.watches.close()
    expect(await closed.ended()).to.equal(true)
    expect([await node.watch().ended(), node.isListening()]).to.deep.equal([true, false])
    const gone = AbortSignal.abort()
    expect(await createNode().watch({}, { signal: gone }).ended()).to.equal(true)
  })

  it('ends with the loop that reads it', async () => {
    using node = createNode({ timing: { linger: 1 } })
    const items = node.watches.watch({}, { maxPerSecond: 1, signal: new AbortController().signal })
    node.go(node.manager, 'once')
    for await (const item of items) {
      expect(toWord(item)).to.equal('once')
      break
    }
    await eventually(() => !node.isListening())
  })
})
