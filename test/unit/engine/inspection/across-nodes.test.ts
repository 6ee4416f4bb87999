import { expect } from 'chai'
import { createActor, createMachine } from 'xstate'
import type { TenantId } from '../../../../src/core/ids.ts'
import type { ActorDetail, ActorPosition, ActorQuery, FlightDump } from '../../../../src/core/ports/inspection.ts'
import { createInspection, type InspectionParts } from '../../../../src/engine/inspection/across-nodes.ts'
import { listMachines } from '../../../../src/engine/inspection/definitions.ts'
import type { LocalEntry } from '../../../../src/engine/inspection/tree.ts'
import { createMemoryPeers } from './memory-peers.ts'

const acme = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0001' as TenantId
const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const since = new Date('2026-01-02T03:04:05.678Z')
const someRef = createActor(createMachine({}))

const entryOf = (node: string, path: string, tenantId: TenantId | null = null): LocalEntry => {
  const [kind, state, parent] = [tenantId ? 'tenant' : 'ledger', 'running', 'tenantManager'] as const
  return { id: tenantId ? `tenant:${tenantId}` : path, kind, state, parent, since, node, tenantId, path }
}
const detailOf = (entry: LocalEntry): ActorDetail => {
  const { path: _, ...actor } = entry
  const transitions = [{ at: since, event: 'tenant.desire', from: null, to: 'running' }]
  const definition = listMachines().find(({ name }) => name === entry.kind) ?? null
  return { ...actor, value: { up: 'clear' }, context: { n: 1 }, allowedEvents: ['a.b'], transitions, children: [actor], definition }
}
const snapshot = { value: 'running', context: { n: 1 }, status: 'active', children: [] }
const dumpOf = ({ node, id: actorId, kind: machine, tenantId }: LocalEntry): FlightDump => ({
  ...{ format: 'tenantry.flight-record', version: 1, node, actorId, machine, tenantId, reason: null },
  ...{ recordedAt: since.toISOString(), base: snapshot, last: snapshot, crash: null },
  entries: [{ at: since.toISOString(), event: { type: 'tenant.desire' }, state: 'running' }],
})

/** A node with these actors. */
function createParts(peers: InspectionParts['peers'], entries: readonly LocalEntry[]): InspectionParts {
  const find = (id: string) => entries.find((entry) => entry.id === id)
  let recorded: LocalEntry | undefined
  const isAfter = ({ path, node }: LocalEntry, after: ActorPosition | undefined) =>
    !after || path > after.path || (path === after.path && node > after.node)
  return {
    peers,
    local: {
      async list({ tenantId, after, limit }: ActorQuery) {
        const all = entries.filter((entry) => isAfter(entry, after) && (!tenantId || entry.tenantId === tenantId))
        return { actors: all.slice(0, limit), next: all.length > limit ? { path: 'somewhere', node: peers.nodeId } : undefined }
      },
      find(id) {
        const entry = find(id)
        return entry && detailOf(entry)
      },
      refOf(id) {
        recorded = find(id)
        return recorded && someRef
      },
    },
    recorder: { dump: () => recorded && dumpOf(recorded) },
    explain: {
      explainLocal: (id) =>
        find(id) && {
          sentence: `It runs on ${peers.nodeId}.`,
          blockedBy: null,
          until: since,
          remedy: null,
          detail: 'why',
          node: peers.nodeId,
        },
      explainTenant: async () => undefined,
      explainMessage: async () => {
        throw new Error('not asked here')
      },
    },
    watches: { watch: async function* () {} },
    machines: listMachines,
  }
}

describe('the inspection of several nodes', () => {
  const openNodes = () => {
    const peers = createMemoryPeers('a', 'b', 'c')
    const a = createInspection(createParts(peers.a, [entryOf('a', '1'), entryOf('a', '1 1', acme), entryOf('a', '3')]))
    const b = createInspection(createParts(peers.b, [entryOf('b', '1'), entryOf('b', '1 1', acme), entryOf('b', '1 2', other)]))
    const c = createInspection(createParts(peers.c, [entryOf('c', '1'), entryOf('c', '2')]))
    return { peers, a, b, c }
  }
  const places = (actors: readonly { id: string; node: string }[]) => actors.map(({ id, node }) => `${id} ${node}`)

  it('lists the actors of all in the order of the tree, page by page, whoever is asked', async () => {
    const { a, b } = openNodes()
    const all = ['1 a', '1 b', '1 c', `tenant:${acme} a`, `tenant:${acme} b`, `tenant:${other} b`, '2 c', '3 a']
    for (const node of [a, b]) {
      for (const limit of [1, 2, 3, 8, 9]) {
        const found: string[] = []
        let pages = 0
        for (let after: ActorPosition | undefined; ; pages++) {
          const { actors, next, missingNodes } = await node.listActors({ limit, after })
          expect(missingNodes).to.deep.equal([])
          found.push(...places(actors))
          if (next === undefined) break
          after = next
        }
        expect(found, `pages of ${limit}`).to.deep.equal(all)
        expect(pages, `pages of ${limit}`).to.equal(Math.ceil(8 / limit) - 1)
      }
    }
    const { actors } = await a.listActors({ limit: 9 })
    expect(actors[2]).to.deep.equal({ ...detailEntry(entryOf('c', '1')) })
  })

  it('lists those of one node, or of one tenant', async () => {
    const { a } = openNodes()
    const listed = async (query: Partial<ActorQuery>) => places((await a.listActors({ limit: 9, ...query })).actors)
    expect(await listed({ node: 'a' })).to.deep.equal(['1 a', `tenant:${acme} a`, '3 a'])
    expect(await listed({ node: 'c' })).to.deep.equal(['1 c', '2 c'])
    expect(await listed({ node: 'gone' })).to.deep.equal([])
    expect(await listed({ tenantId: acme })).to.deep.equal([`tenant:${acme} a`, `tenant:${acme} b`])
  })

  it('finds an actor here first, then elsewhere, with its times', async () => {
    const { a, b, c } = openNodes()
    const id = `tenant:${acme}`
    const [onA, onB] = [detailOf(entryOf('a', '1 1', acme)), detailOf(entryOf('b', '1 1', acme))]
    expect(await a.findActor(id)).to.deep.equal({ actor: onA, elsewhere: [onB], missingNodes: [] })
    expect(await b.findActor(id)).to.deep.equal({ actor: onB, elsewhere: [onA], missingNodes: [] })
    expect(await c.findActor(id)).to.deep.equal({ actor: onA, elsewhere: [onB], missingNodes: [] })
    expect(await a.findActor(id, 'b')).to.deep.equal({ actor: onB, elsewhere: [], missingNodes: [] })
    expect(await a.findActor(id, 'a')).to.deep.equal({ actor: onA, elsewhere: [], missingNodes: [] })
    for (const node of [undefined, 'b']) expect(await a.findActor('nobody', node)).to.include({ actor: undefined })
  })

  it('sends no machine from node to node: each has it by itself', async () => {
    const { peers, a } = openNodes()
    const { answers } = await peers.a.ask('actor', `tenant:${acme}`)
    expect(answers[0]?.answer).to.include({ node: 'b' }).and.to.not.have.property('definition')
    expect((await a.findActor(`tenant:${acme}`, 'b')).actor?.definition?.name).to.equal('tenant')
  })

  it('explains and records an actor where it is', async () => {
    const { a, c } = openNodes()
    const id = `tenant:${acme}`
    const explanation = (node: string) => ({
      sentence: `It runs on ${node}.`,
      blockedBy: null,
      until: since,
      remedy: null,
      detail: 'why',
      node,
    })
    const found = <T>(value: T) => ({ found: value, missingNodes: [] })
    expect(await a.explainActor(id)).to.deep.equal(found(explanation('a')))
    expect(await a.explainActor(id, 'b')).to.deep.equal(found(explanation('b')))
    expect(await c.explainActor(id)).to.deep.equal(found(explanation('a')))
    expect(await c.explainActor(id, 'c')).to.deep.equal(found(undefined))
    expect(await a.recordActor(id)).to.deep.equal(found(dumpOf(entryOf('a', '1 1', acme))))
    expect(await c.recordActor(id, 'b')).to.deep.equal(found(dumpOf(entryOf('b', '1 1', acme))))
    expect(await c.recordActor('nobody')).to.deep.equal(found(undefined))
  })

  it('names the nodes that do not answer, or answer what nobody understands', async () => {
    const { peers, a, c } = openNodes()
    peers.b.fallSilent()
    for (const answer of [1, { actors: 1, hasMore: true }, { actors: [{ ...entryOf('c', '1'), since: 'soon' }], hasMore: false }]) {
      peers.c.answer('actors', () => answer)
      expect(await a.listActors({ limit: 9 })).to.deep.include({ missingNodes: ['b', 'c'] })
    }
    peers.c.answer('actor', () => ({ ...detailOf(entryOf('c', '1 1', acme)), transitions: [null] }))
    expect((await a.findActor(`tenant:${acme}`)).missingNodes).to.deep.equal(['b', 'c'])
    peers.c.answer('record', () => ({ format: 'something' }))
    peers.c.answer('explain', () => 'because')
    for (const answer of [a.recordActor('x'), a.explainActor('x')]) {
      expect(await answer).to.deep.equal({ found: undefined, missingNodes: ['b', 'c'] })
    }
    // Here is enough: nobody is waited for.
    expect((await a.recordActor(`tenant:${acme}`)).missingNodes).to.deep.equal([])
    c.close()
    expect((await a.findActor('x')).missingNodes).to.deep.equal(['b', 'c'])
  })

  it('shows nothing of another tenant, and no earlier page, whatever a node answers', async () => {
    const { peers, a } = openNodes()
    peers.c.answer('actors', () => ({
      actors: [entryOf('c', '0', acme), entryOf('c', '9', other), entryOf('c', '9', acme)],
      hasMore: false,
    }))
    const { actors } = await a.listActors({ tenantId: acme, after: { path: '1 1', node: 'b' }, limit: 9 })
    expect(places(actors)).to.deep.equal([`tenant:${acme} c`])

    const id = `tenant:${acme}`
    const own = detailOf(entryOf('c', '1 1', acme))
    const foreign = detailOf(entryOf('c', '1 1', other))
    for (const answer of [foreign, { ...foreign, id }, { ...own, tenantId: null }, { ...own, children: foreign.children }]) {
      peers.c.answer('actor', () => answer)
      expect(await a.findActor(id, 'c')).to.deep.equal({ actor: undefined, elsewhere: [], missingNodes: ['c'] })
    }
    peers.c.answer('record', () => ({ ...dumpOf(entryOf('c', '1 1', other)), actorId: id }))
    expect(await a.recordActor(id, 'c')).to.deep.equal({ found: undefined, missingNodes: ['c'] })
    // A node is known by its seal, not by what it says of itself.
    peers.c.answer('actor', () => ({ ...own, node: 'a' }))
    expect((await a.findActor(id, 'c')).actor?.node).to.equal('c')
  })

  it('answers no question that is none', async () => {
    const { peers } = openNodes()
    for (const question of [
      null,
      {},
      { limit: 0 },
      { limit: 1e9 },
      { limit: 1, tenantId: 'x' },
      { limit: 1, kind: 'x' },
      { limit: 1, after: {} },
    ]) {
      expect((await peers.a.ask('actors', question)).missing, JSON.stringify(question)).to.deep.equal(['b', 'c'])
    }
    for (const topic of ['actor', 'explain', 'record']) expect((await peers.a.ask(topic, {})).missing).to.deep.equal(['b', 'c'])
    expect((await peers.a.ask('actors', { limit: 1, kind: 'ledger', state: 'up', parent: 'x' })).missing).to.deep.equal([])
  })
})

const detailEntry = ({ path: _, ...entry }: LocalEntry) => entry
