import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import type { MessageBody, MessageDetail, MessageList, ProblemBody, TenantBody } from '../../support/api.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'

for (const broker of brokerKinds) {
  describe(`messages on ${broker}`, () => {
    let engine: TestEngine
    const handled: string[] = []
    let beforeFirst: Promise<void> = Promise.resolve()
    before(async () => {
      const ordered = defineHandler<string>({
        type: 'ordered',
        handle: async ({ data }) => {
          handled.push(data)
          await beforeFirst
        },
      })
      engine = await startEngine({ broker, handlers: [ordered] })
    })
    after(() => engine[Symbol.asyncDispose]())

    for (const prefix of ['', '/v1', '/api']) {
      it(`a message published under "${prefix}" is stored as it was sent, and found where Location says`, async () => {
        const { api } = engine
        const created = await api.call<TenantBody>('POST', `${prefix}/tenants`, { json: { name: `prefix ${prefix} ${broker}` } })
        expect(created.headers.get('location')).to.equal(`${prefix}/tenants/${created.body.id}`)
        const path = `${prefix}/tenants/${created.body.id}/messages`
        const json = {
          type: 'email',
          data: { to: '雪@example.com', text: 'naïve “quotes” 🎉\n\t\\', n: [1, 2.5, null, true, {}] },
          priority: 1,
          key: 'k✓',
        }
        const before = Date.now()
        const published = await api.call<{ id: string }>('POST', path, { json })
        expect(published.status, published.text).to.equal(202)
        expect(published.body).to.deep.equal({ id: published.body.id, tenant_id: created.body.id, status: 'queued' })
        expect(published.headers.get('location')).to.equal(`${path}/${published.body.id}`)

        const stored = await eventually(() => api.expect<MessageDetail>(200, 'GET', String(published.headers.get('location'))))
        expect(stored).to.deep.include({
          id: published.body.id,
          tenant_id: created.body.id,
          ...json,
          status: 'processed',
          attempts: 1,
          error: null,
        })
        expect(Date.parse(stored.created_at)).to.be.within(before, Date.now())
        expect(Date.parse(String(stored.processed_at))).to.be.within(Date.parse(stored.created_at), Date.now())
        const listed = await api.expect<MessageList>(200, 'GET', path)
        const { history, ...item } = stored
        expect(history).to.deep.equal([])
        expect(listed).to.deep.equal({ data: [item], next_cursor: null })
        expect(await api.expect(200, 'GET', `${prefix}/messages?tenant_id=${created.body.id}`)).to.deep.equal(listed)
      })
    }

    it('data of every JSON kind comes back unchanged', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const values = [null, true, 0, -0.5, 1e21, '', 'text', [], {}, { __proto__x: 1, a: { b: [[]] } }, '\u2028\u{10FFFF}', 2 ** 60]
      const ids = await api.publishMany(
        id,
        values.map((data) => ({ type: 'any', data })),
      )
      const stored = new Map((await api.stored(id, values.length)).map((message) => [message.id, message.data]))
      expect(ids.map((each) => stored.get(each))).to.deep.equal(values)
    })

    it('a batch of 1000 is accepted whole, and every message is stored once under the id of the answer', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const ids = await api.publishMany(
        id,
        Array.from({ length: 1000 }, (_, n) => ({ type: 'bulk', data: { n } })),
      )
      expect(new Set(ids).size).to.equal(1000)
      const stored = await api.stored(id, 1000)
      expect(stored.map((message) => message.id).sort()).to.deep.equal(ids.sort())
    })

    it('a batch with one bad message, or with 1001, is refused and nothing of it is stored', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const good = { type: 'bulk', data: 1 }
      const bad = await api.call<ProblemBody>('POST', `/v1/tenants/${id}/messages/batch`, {
        json: { messages: [good, good, { type: 'bulk', data: { a: 'x\u0000' } }, good] },
      })
      expect([bad.status, bad.body.errors?.[0]?.path]).to.deep.equal([400, 'messages[2].data.a'])
      const large = await api.call<ProblemBody>('POST', `/v1/tenants/${id}/messages/batch`, { json: { messages: Array(1001).fill(good) } })
      expect([large.status, large.body.errors?.[0]?.path]).to.deep.equal([400, 'messages'])
      // What is published later is stored: by then a part of a batch would have been stored too.
      const later = await api.publish(id)
      expect((await api.stored(id, 1)).map((message) => message.id)).to.deep.equal([later])
    })

    it('the same id published twice is one message', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const messageId = '0199aaaa-0000-7000-8000-00000000000a'
      await api.publish(id, { id: messageId, data: 'first' })
      await api.stored(id, 1)
      expect(await api.publish(id, { id: messageId.toUpperCase(), data: 'second' })).to.equal(messageId)
      const last = await api.publish(id)
      const stored = await api.stored(id, 2)
      expect(stored.map((message) => message.id).sort()).to.deep.equal([messageId, last].sort())
      expect(stored.find((message) => message.id === messageId)?.data).to.equal('first')
    })

    it('urgent messages overtake the backlog, in the order of their priority and then of their age', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ workers: 1 })
      handled.length = 0
      const gate = Promise.withResolvers<void>()
      beforeFirst = gate.promise
      const ordered = (name: string, priority: number) => ({ type: 'ordered', data: name, priority })
      const normal = Array.from({ length: 30 }, (_, n) => `normal ${n}`)
      // Priorities order what is in hand: the first message holds the only worker until all the others are.
      await api.publishMany(id, [ordered('first', 0)])
      await eventually(() => handled.length === 1)
      await api.publishMany(
        id,
        normal.map((name) => ordered(name, 0)),
      )
      await api.publishMany(id, [ordered('high 0', 1), ordered('high 1', 1)])
      await api.publishMany(id, [ordered('urgent 0', 2), ordered('urgent 1', 2)])
      await eventually(async () => (await api.stats(id)).in_flight === 35)
      gate.resolve()
      await api.stored(id, 35)
      expect(handled).to.deep.equal(['first', 'urgent 0', 'urgent 1', 'high 0', 'high 1', ...normal])
    })

    it('pages show every row that was there exactly once, newest first, while others are inserted', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ workers: 8 })
      const early = await api.publishMany(
        id,
        Array.from({ length: 400 }, (_, n) => ({ type: 'page', data: n })),
      )
      await api.stored(id, early.length)

      let isDone = false
      const late: string[] = []
      const inserting = (async () => {
        while (!isDone) late.push(...(await api.publishMany(id, Array(20).fill({ type: 'page', data: 'late' }))))
      })()
      const seen: MessageBody[] = []
      let cursor: string | null = ''
      while (cursor !== null) {
        const page: MessageList = await api.expect<MessageList>(
          200,
          'GET',
          `/v1/tenants/${id}/messages?limit=17${cursor ? `&cursor=${cursor}` : ''}`,
        )
        seen.push(...page.data)
        cursor = page.next_cursor
      }
      isDone = true
      await inserting

      const ids = seen.map((message) => message.id)
      expect(new Set(ids).size, 'a row came twice').to.equal(ids.length)
      expect(early.filter((each) => !ids.includes(each))).to.deep.equal([])
      const keys = seen.map((message) => `${message.created_at} ${message.id}`)
      expect(keys).to.deep.equal(keys.toSorted().reverse())
      expect(late.length).to.be.greaterThan(0)
    })

    it('filters by type, status and time', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      await api.publishMany(id, [
        { type: 'a', data: 1 },
        { type: 'a', data: 2 },
      ])
      const first = await api.stored(id, 2)
      await eventually(() => Date.now() > Date.parse(String(first[0]?.created_at)) + 2)
      const between = new Date().toISOString()
      await api.publishMany(id, [{ type: 'b', data: 3 }])
      await api.stored(id, 3)
      const list = async (query: string) => (await api.listAll(`/v1/tenants/${id}/messages?${query}`)).map(({ data }) => data).sort()
      expect(await list('type=a')).to.deep.equal([1, 2])
      expect(await list('type=none')).to.deep.equal([])
      expect(await list('status=processed')).to.deep.equal([1, 2, 3])
      expect(await list('status=failed')).to.deep.equal([])
      expect(await list(`since=${between}`)).to.deep.equal([3])
      expect(await list(`until=${between}`)).to.deep.equal([1, 2])
      expect(await list(`since=${between}&until=${between}`)).to.deep.equal([])
      expect(await list(`type=a&until=${encodeURIComponent(between.replace('Z', '+00:00'))}`)).to.deep.equal([1, 2])
    })

    it('a cursor is for its own list, and tampering with it is noticed', async () => {
      const { api } = engine
      const [one, two] = [await api.createTenant(), await api.createTenant()]
      await api.publishMany(one.id, Array(3).fill({ type: 'c', data: 1 }))
      await api.stored(one.id, 3)
      const { next_cursor: cursor } = await api.expect<MessageList>(200, 'GET', `/v1/tenants/${one.id}/messages?limit=1`)
      for (const path of [
        `/v1/tenants/${two.id}/messages?cursor=${cursor}`,
        `/v1/tenants/${one.id}/messages?cursor=${cursor}x`,
        `/v1/tenants?cursor=${cursor}`,
      ]) {
        const answer = await api.call<ProblemBody>('GET', path)
        expect([answer.status, answer.body.errors?.[0]?.path], path).to.deep.equal([400, 'cursor'])
      }
    })

    it('an unknown message, and one of another tenant, is 404', async () => {
      const { api } = engine
      const [one, two] = [await api.createTenant(), await api.createTenant()]
      const messageId = await api.publish(one.id)
      await api.stored(one.id, 1)
      for (const path of [`/v1/tenants/${two.id}/messages/${messageId}`, `/v1/tenants/${one.id}/messages/${two.id}`]) {
        expect((await api.call<ProblemBody>('GET', path)).status).to.equal(404)
      }
    })

    it('counts what happened', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      await api.publishMany(id, Array(10).fill({ type: 'counted', data: 1 }))
      await api.stored(id, 10)
      // A row can be read a moment before its node hears that it was written.
      const stats = await eventually(async () => {
        const found = await api.stats(id)
        expect(found).to.deep.include({ in_flight: 0, workers: { desired: 3, current: 3, busy: 0 }, state: 'running' })
        return found
      })
      expect(stats.queue).to.include({ ready: 0, dlq: 0 })
      expect(stats.rate_1m).to.be.greaterThan(0)
      expect(stats.latency_ms.p50).to.be.a('number')
      expect((await api.call('GET', '/metrics')).text).to.match(/^tenantry_\w+/m)
    })
  })
}
