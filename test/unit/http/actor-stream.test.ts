import { expect } from 'chai'
import type { EventStream } from '../../support/event-client.ts'
import { eventually } from '../../support/eventually.ts'
import { startStreamApi } from './actor-stream-rig.ts'
import { nobody } from './fill-path.ts'

/** Where the changes that have come led to. */
const words = (stream: EventStream): readonly string[] => stream.events().map(({ event, data }) => data.to ?? event)

describe('GET /actors/stream', () => {
  it('tells an admin what happens to any actor', async () => {
    await using api = await startStreamApi()
    const stream = await api.watch()
    expect([stream.status, stream.headers.get('content-type')]).to.deep.equal([200, 'text/event-stream'])
    api.go(api.manager, 'up')
    api.go(api.worker(api.other), 'busy.working')
    const [first, second] = await stream.wait(2)
    expect(first?.event).to.equal('transition')
    expect(first?.data).to.include({ actor_id: 'tenantManager', actor_kind: 'tenantManager', tenant_id: null, to: 'up' })
    expect(second?.data).to.deep.equal({
      kind: 'transition',
      at: '2023-11-14T22:13:20.000Z',
      node: 'here',
      actor_id: `tenant:${api.other}.worker:1`,
      actor_kind: 'worker',
      tenant_id: api.other,
      event: 'go.busy.working',
      from: 'before',
      to: 'busy.working',
    })
  })

  it('tells what was asked for alone', async () => {
    await using api = await startStreamApi()
    const { acme } = api
    const byQuery = new Map<string, EventStream>()
    for (const query of [
      `tenant_id=${acme.toUpperCase()}`,
      `actor_id=tenant:${acme}.worker:1`,
      'kind=tenant',
      `tenant_id=${acme}&kind=worker`,
    ])
      byQuery.set(query, await api.watch(api.admin, `?${query}`))
    const happen = () => {
      api.go(api.manager, 'manager')
      api.go(api.tenant(acme), 'acme')
      api.go(api.worker(acme), 'worker 1')
      api.go(api.worker(acme, 2), 'worker 2')
      api.go(api.tenant(api.other), 'other')
    }
    happen()
    const expected = [['acme', 'worker 1', 'worker 2'], ['worker 1'], ['acme', 'other'], ['worker 1', 'worker 2']]
    for (const [index, stream] of [...byQuery.values()].entries()) {
      await stream.wait(expected[index]?.length ?? 0)
      expect(words(stream)).to.deep.equal(expected[index])
    }
  })

  it('tells a tenant’s users and keys of their own tenant, whatever they ask for', async () => {
    await using api = await startStreamApi()
    const { acme, other } = api
    const [user, key] = [await api.logInUser(acme), await api.createKey(acme, 'read')]
    const streams = [
      await api.watch(user.headers),
      await api.watch(key.headers),
      await api.watch(user.headers, `?tenant_id=${acme}`),
      await api.watch(user.headers, `?actor_id=tenant:${acme}`),
    ]
    for (const ref of [api.manager, api.supervisor('supervisor:1'), api.tenant(other), api.worker(other)]) api.go(ref, 'theirs')
    api.go(api.worker(acme), 'own')
    for (const stream of streams) {
      await stream.wait(1)
      expect(words(stream)).to.deep.equal(['own'])
    }
    // What many requests share must not begin in the scope of one of them.
    expect(api.scopes).to.deep.equal([undefined, undefined, undefined, undefined])
  })

  it('is the same for a tenant or an actor of others as for one that does not exist', async () => {
    await using api = await startStreamApi()
    const { headers } = await api.logInUser(api.acme, 'owner')
    const ask = async (query: string, of = headers) => {
      const stream = await api.watch({ ...of, 'x-request-id': 'same' }, query)
      await stream.ended
      return [stream.status, stream.text()] as const
    }
    const [noTenant, text] = await ask(`?tenant_id=${nobody}`)
    expect([noTenant, JSON.parse(text).code]).to.deep.equal([404, 'tenant.missing'])
    expect(await ask(`?tenant_id=${api.other}`)).to.deep.equal([404, text])
    expect(await ask(`?tenant_id=${nobody}`, api.admin)).to.deep.equal([404, text])

    const [noActor, actorText] = await ask(`?actor_id=tenant:${api.acme}.worker:99`)
    expect([noActor, JSON.parse(actorText).code]).to.deep.equal([404, 'actor.missing'])
    for (const id of [`tenant:${api.other}`, `tenant:${api.other}.worker:1`, `tenant:${nobody}`, 'brokerLink', 'supervisor:1', 'none']) {
      expect(await ask(`?actor_id=${id}`), id).to.deep.equal([404, actorText])
    }
    expect(await ask('?actor_id=none', api.admin)).to.deep.equal([404, actorText])
    // One that runs where nobody answers may be there.
    api.inspection.missingNodes = ['away']
    expect((await api.watch(api.admin, '?actor_id=none')).status).to.equal(200)
  })

  it('needs credentials that may watch, and parameters that are known', async () => {
    await using api = await startStreamApi()
    const publisher = await api.createKey(api.acme, 'publish')
    const ask = async (headers: Readonly<Record<string, string>>, query = '') => {
      const stream = await api.watch(headers, query)
      await stream.ended
      return [stream.status, JSON.parse(stream.text()).errors?.[0]?.path]
    }
    expect(await ask({})).to.deep.equal([401, undefined])
    expect(await ask(publisher.headers)).to.deep.equal([403, undefined])
    const faults: readonly [string, string][] = [
      ['tenant_id=x', 'tenant_id'],
      ['kind=cat', 'kind'],
      ['max_per_second=0', 'max_per_second'],
      ['max_per_second=1001', 'max_per_second'],
      ['actor_id=', 'actor_id'],
      [`last_event_id=${'x'.repeat(101)}`, 'last_event_id'],
      ['other=1', 'query'],
    ]
    for (const [query, path] of faults) expect((await ask(api.admin, `?${query}`))[0], path).to.equal(400)
    expect(await ask(api.admin, '?kind=cat')).to.deep.equal([400, 'kind'])
  })

  it('goes on after the last event that the client has, by header or by query', async () => {
    await using api = await startStreamApi()
    const first = await api.watch()
    for (const to of ['a', 'b', 'c']) api.go(api.manager, to)
    const [a, b] = await first.wait(3)
    first.leave()
    api.go(api.manager, 'd')
    const byHeader = await api.watch({ ...api.admin, 'last-event-id': b?.id ?? '' }, `?last_event_id=${a?.id}`)
    const byQuery = await api.watch(api.admin, `?last_event_id=${a?.id}&actor_id=none`)
    const byBoth = await api.watch({ ...api.admin, 'last-event-id': '' }, `?last_event_id=${a?.id}`)
    await byHeader.wait(2)
    await byBoth.wait(3)
    expect([words(byHeader), words(byBoth)]).to.deep.equal([
      ['c', 'd'],
      ['b', 'c', 'd'],
    ])
    // The actor that a stream is about may have ended while nobody listened.
    expect(byQuery.status).to.equal(200)
    const lost = await api.watch({ ...api.admin, 'last-event-id': 'of another node' })
    api.go(api.manager, 'e')
    const [gap, next] = await lost.wait(2)
    expect([gap?.event, gap?.data, next?.data.to]).to.deep.equal(['gap', {}, 'e'])
  })

  it('sums up what is too much', async () => {
    await using api = await startStreamApi()
    const stream = await api.watch(api.admin, '?max_per_second=2')
    for (const to of ['a', 'b', 'c', 'c', 'd']) api.go(api.worker(api.acme), to)
    const [, , summary] = await stream.wait(3)
    expect(summary).to.include({ event: 'summary' })
    expect(summary?.id).to.match(/^[\w-]{22}$/)
    expect(summary?.data).to.deep.include({
      total: 3,
      counts: [
        { actor_kind: 'worker', from: 'before', to: 'c', count: 2 },
        { actor_kind: 'worker', from: 'before', to: 'd', count: 1 },
      ],
    })
    expect(Date.parse(summary?.data.to)).to.be.at.least(Date.parse(summary?.data.from))
  })

  it('ends when its credentials stop being valid', async () => {
    await using api = await startStreamApi()
    const { acme, identity } = api
    const [out, gone, key] = [await api.logInUser(acme), await api.logInUser(acme), await api.createKey(acme, 'read')]
    const kept = await api.watch((await api.logInUser(acme, 'owner')).headers)
    const endings = [
      { headers: out.headers, end: () => identity.logout(out.principal) },
      { headers: gone.headers, end: () => identity.users.remove(acme, gone.principal.id) },
      { headers: key.headers, end: () => identity.apiKeys.remove(acme, key.id) },
    ]
    for (const { headers, end } of endings) {
      const stream = await api.watch(headers)
      await end()
      await stream.ended
      expect(stream.events()).to.deep.equal([{ id: undefined, event: 'bye', data: { reason: 'auth.required' } }])
    }
    api.go(api.tenant(acme), 'still')
    await kept.wait(1)
    expect(words(kept)).to.deep.equal(['still'])
  })

  it('ends when the node drains, and does not begin then', async () => {
    await using api = await startStreamApi()
    const stream = await api.watch()
    api.drain()
    await stream.ended
    expect(stream.events().at(-1)).to.deep.include({ event: 'bye', data: { reason: 'node.draining' } })
    expect((await api.watch()).status).to.equal(503)
  })

  it('is open eight times for a tenant or an admin', async () => {
    await using api = await startStreamApi()
    const [one, two] = [await api.logInUser(api.acme), await api.logInUser(api.acme)]
    const streams: EventStream[] = []
    for (const headers of [one.headers, api.admin]) {
      for (let count = 0; count < 8; count++) streams.push(await api.watch(headers))
      const refused = await api.watch(headers)
      expect([refused.status, refused.headers.get('retry-after')]).to.deep.equal([429, '1'])
    }
    expect((await api.watch(two.headers)).status).to.equal(429)
    api.go(api.tenant(api.acme), 'seen')
    for (const stream of streams) await stream.wait(1)
    streams[0]?.leave()
    await eventually(async () => (await api.watch(two.headers)).status === 200)
  })

  it('is open to new tenants when a few others have all they get, and to admins when tenants have all', async () => {
    // A hundred streams, each looked at every few milliseconds, would leave a slow machine no time for anything else.
    await using api = await startStreamApi({ drain: 60_000, recheck: 60_000 })
    const texts = new Set<string>()
    const takeAll = async (): Promise<number> => {
      const { headers } = await api.logInUser(await api.addTenant(`tenant ${taken.length}`))
      for (let count = 0; ; count++) {
        const stream = await api.watch(headers)
        if (stream.status === 200) continue
        await stream.ended
        texts.add(JSON.parse(stream.text()).detail)
        return count
      }
    }
    const taken: number[] = []
    for (let tenant = 0; tenant < 30; tenant++) taken.push(await takeAll())
    expect(taken).to.deep.equal([...taken].sort((a, b) => b - a))
    expect([taken[0], taken[29]]).to.deep.equal([8, 1])
    while (taken.at(-1) !== 0) taken.push(await takeAll())
    expect(taken.reduce((sum, count) => sum + count, 0)).to.equal(90)
    // How many there are is no tenant's to know.
    expect(texts).to.have.property('size', 1)
    for (let count = 0; count < 8; count++) expect((await api.watch(api.admin)).status).to.equal(200)
  }).timeout(120_000)

  it('answers HEAD with its headers alone', async () => {
    await using api = await startStreamApi()
    const response = await fetch(api.url, { method: 'HEAD', headers: api.admin })
    expect([response.status, response.headers.get('content-type'), await response.text()]).to.deep.equal([200, 'text/event-stream', ''])
    expect([api.scopes, api.isListening()]).to.deep.equal([[], false])
  })
})
