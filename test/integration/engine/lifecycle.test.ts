import { expect } from 'chai'
import { defineHandler } from '../../../src/index.ts'
import type { ProblemBody, TenantBody, TenantList } from '../../support/api.ts'
import { startEngine, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'

for (const broker of brokerKinds) {
  describe(`tenant lifecycle on ${broker}`, () => {
    let engine: TestEngine
    let gate = Promise.withResolvers<void>()
    before(async () => {
      const held = defineHandler({ type: 'held', handle: () => gate.promise })
      const slow = defineHandler({
        type: 'slow',
        handle: () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 100)),
      })
      engine = await startEngine({ broker, handlers: [held, slow], config: { prefetch: 20 } })
    })
    after(() => engine[Symbol.asyncDispose]())

    const partitions = (id: string) =>
      engine.installation.query<{ relname: string }>(
        `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'messages'::regclass and pg_get_expr(c.relpartbound, c.oid) like '%' || $1 || '%'`,
        [id],
      )
    const rows = async (table: 'tenants' | 'messages', id: string): Promise<number> => {
      const column = table === 'tenants' ? 'id' : 'tenant_id'
      const [row] = await engine.installation.query<{ count: number }>(`select count(*)::int as count from ${table} where ${column} = $1`, [
        id,
      ])
      return row?.count ?? -1
    }

    it('a created tenant runs, and has its queues, its consumer and its partition when the answer comes', async () => {
      const { api } = engine
      const answer = await api.call<TenantBody>('POST', '/v1/tenants', { json: { name: `created on ${broker}`, max_workers: 5 } })
      expect(answer.status, answer.text).to.equal(201)
      const { id } = answer.body
      const seen = await Promise.all([engine.queue(id), engine.deadLetterQueue(id), partitions(id)])

      expect(answer.headers.get('location')).to.equal(`/v1/tenants/${id}`)
      expect(answer.headers.get('etag')).to.match(/^"\d+"$/)
      expect(answer.body).to.include({
        status: 'active',
        state: 'running',
        workers: 5,
        max_workers: 5,
        current_workers: 5,
        description: null,
        queue_name: `tenant_${id}_queue`,
      })
      expect(seen[0]).to.deep.equal({ messages: 0, consumers: 1 })
      expect(seen[1]).to.have.property('messages', 0)
      expect(seen[2]).to.have.length(1)
      expect((await api.call('GET', String(answer.headers.get('location')))).body).to.deep.equal(answer.body)
    })

    it('lists tenants newest first, page by page, by status and by a part of the name', async () => {
      const { api } = engine
      const made: TenantBody[] = []
      for (const [index, status] of (['active', 'paused', 'active'] as const).entries()) {
        made.push(await api.createTenant({ name: `Listed-${index} 100%_of ${broker}`, status }))
      }
      const ids = made.map(({ id }) => id)
      const list = async (query: string) => (await api.expect<TenantList>(200, 'GET', `/v1/tenants?${query}`)).data.map(({ id }) => id)

      expect(await list('q=listed-')).to.deep.equal(ids.toReversed())
      expect(await list(`q=${encodeURIComponent('100%_OF')}`)).to.deep.equal(ids.toReversed())
      expect(await list(`q=${encodeURIComponent('1_0%')}`)).to.deep.equal([])
      expect(await list('q=listed-&status=paused')).to.deep.equal([ids[1]])
      const first = await api.expect<TenantList>(200, 'GET', '/v1/tenants?q=listed-&limit=2')
      const second = await api.expect<TenantList>(200, 'GET', `/v1/tenants?q=listed-&limit=2&cursor=${first.next_cursor}`)
      expect([first, second].map(({ data }) => data.length)).to.deep.equal([2, 1])
      expect(second.next_cursor).to.equal(null)
      expect([...first.data, ...second.data].map(({ id }) => id)).to.deep.equal(ids.toReversed())
    })

    it('changes what is given and keeps the rest; an old If-Match is refused', async () => {
      const { api } = engine
      const tenant = await api.createTenant({ description: 'before' })
      const path = `/v1/tenants/${tenant.id}`
      const tag = String((await api.call('GET', path)).headers.get('etag'))

      const put = await api.call<TenantBody>('PUT', path, { json: { description: 'after ✓ 雪' }, headers: { 'if-match': tag } })
      expect(put.status, put.text).to.equal(200)
      expect(put.body).to.include({ name: tenant.name, description: 'after ✓ 雪', status: 'active', state: 'running' })
      expect(put.headers.get('etag')).to.not.equal(tag)

      const stale = await api.call<ProblemBody>('PATCH', path, { json: { description: 'lost' }, headers: { 'if-match': tag } })
      expect([stale.status, stale.body.code]).to.deep.equal([412, 'tenant.version_mismatch'])
      expect((await api.tenant(tenant.id)).description).to.equal('after ✓ 雪')

      const patched = await api.expect<TenantBody>(200, 'PATCH', path, { json: { status: 'paused', config: { a: 1 } } })
      expect(patched).to.include({ status: 'paused', state: 'paused', description: 'after ✓ 雪' })
      expect(await api.expect(200, 'GET', `${path}/config`)).to.deep.equal({ a: 1 })
    })

    it('a name belongs to one living tenant, also under concurrency', async () => {
      const { api } = engine
      const name = `taken on ${broker}`
      const answers = await Promise.all(Array.from({ length: 5 }, () => api.call<ProblemBody>('POST', '/v1/tenants', { json: { name } })))
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 409, 409, 409, 409])
      const refused = answers.find(({ status }) => status === 409)
      expect(refused?.body).to.include({ code: 'tenant.name_taken' })
      expect(refused?.body.errors?.[0]?.path).to.equal('name')
      const other = await api.createTenant()
      expect((await api.call('PUT', `/v1/tenants/${other.id}`, { json: { name } })).status).to.equal(409)
    })

    it('a paused tenant takes messages in and processes none; resumed, it processes them all', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/pause`)).to.include({ status: 'paused', state: 'paused' })
      await api.publishMany(id, messages(20))
      await eventually(async () => (await api.stats(id)).queue.ready === 20)
      expect(await rows('messages', id)).to.equal(0)
      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/resume`)).to.include({ status: 'active', state: 'running' })
      await api.stored(id, 20)
      expect((await engine.queue(id))?.messages).to.equal(0)
    })

    it('a drained tenant finishes its queue, stops and refuses publishes until it is resumed', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ status: 'paused' })
      await api.publishMany(id, messages(30))
      await eventually(async () => (await api.stats(id)).queue.ready === 30)

      const drained = await api.call<TenantBody & { remaining: { ready: number; in_flight: number } }>('POST', `/v1/tenants/${id}/drain`)
      expect(drained.status, drained.text).to.equal(202)
      expect(drained.body.status).to.equal('drained')
      expect(drained.body.remaining.ready + drained.body.remaining.in_flight).to.be.within(0, 30)
      const refused = await api.call<ProblemBody>('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
      expect([refused.status, refused.body.code]).to.deep.equal([409, 'tenant.draining'])

      await eventually(async () => (await api.tenant(id)).state === 'stopped')
      expect(await rows('messages', id)).to.equal(30)
      expect((await api.tenant(id)).current_workers).to.equal(0)
      expect((await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })).status).to.equal(409)

      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/resume`)).to.include({ state: 'running', current_workers: 3 })
      await api.publish(id)
      await api.stored(id, 31)
    })

    it('a restarted tenant runs again and loses nothing', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      const ids = await api.publishMany(id, messages(200))
      expect(await api.expect<TenantBody>(200, 'POST', `/v1/tenants/${id}/restart`)).to.include({ status: 'active', state: 'running' })
      const stored = await api.stored(id, 200)
      expect(stored.map((message) => message.id).sort()).to.deep.equal(ids.sort())
    })

    it('a deletion drains the queue, then nothing of the tenant is left and its name is free', async () => {
      const { api } = engine
      const { id, name } = await api.createTenant({ status: 'paused' })
      await api.publishMany(id, messages(50))
      await eventually(async () => (await api.stats(id)).queue.ready === 50)

      const path = `/v1/tenants/${id}`
      expect(await api.expect(200, 'DELETE', path)).to.deep.include({ id, status: 'deleted', drained: 50, discarded: 0 })
      expect(await Promise.all([engine.queue(id), engine.deadLetterQueue(id)])).to.deep.equal([undefined, undefined])
      expect(await partitions(id)).to.deep.equal([])
      expect(await Promise.all([rows('tenants', id), rows('messages', id)])).to.deep.equal([0, 0])

      const calls = [
        ['DELETE', path],
        ['GET', path],
        ['GET', `${path}/messages`],
        ['GET', `${path}/stats`],
        ['POST', `${path}/pause`],
        ['POST', `${path}/messages`, { json: { type: 't', data: 1 } }],
        ['POST', `${path}/messages/batch`, { json: { messages: [{ type: 't', data: 1 }] } }],
        ['PUT', `${path}/config/concurrency`, { json: { workers: 4 } }],
      ] as const
      for (const [method, url, options] of calls) {
        const answer = await api.call<ProblemBody>(method, url, options)
        expect([answer.status, answer.body.code], `${method} ${url}`).to.deep.equal([404, 'tenant.missing'])
      }
      expect(await api.createTenant({ name })).to.include({ name, state: 'running' })
    })

    it('a deletion whose deadline passes finishes what has begun and discards the rest', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ workers: 2 })
      gate = Promise.withResolvers()
      await api.publishMany(id, Array(400).fill({ type: 'held', data: 1 }))
      await eventually(async () => {
        const { in_flight, queue } = await api.stats(id)
        expect([in_flight, queue.ready]).to.deep.equal([20, 380])
      })
      const deleting = api.expect(200, 'DELETE', `/v1/tenants/${id}?deadline_ms=300`)
      // Past the deadline nothing new comes; what has come is not finished yet.
      await eventually(async () => {
        const { value } = await api.expect<{ value: unknown }>(200, 'GET', `/v1/actors/tenant:${id}`)
        expect(value).to.deep.equal({ attached: 'draining' })
      })
      gate.resolve()
      expect(await deleting).to.include({ drained: 20, discarded: 380 })
      expect(await Promise.all([engine.queue(id), partitions(id), rows('tenants', id)])).to.deep.equal([undefined, [], 0])
    })

    it('a discarding deletion hurries one that drains, and both get the answer', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ workers: 1 })
      await api.publishMany(id, Array(400).fill({ type: 'slow', data: 1 }))
      const draining = api.call('DELETE', `/v1/tenants/${id}?deadline_ms=60000`)
      await eventually(async () => (await api.call<TenantBody>('GET', `/v1/tenants/${id}`)).body.status === 'deleting')
      const hurried = await api.call<{ discarded: number }>('DELETE', `/v1/tenants/${id}?mode=discard`)
      expect([hurried.status, (await draining).status]).to.deep.equal([200, 200])
      expect(hurried.body.discarded).to.be.greaterThan(0)
    })

    it('a pause lets running handlers end and gives the rest back to the queue', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ workers: 2 })
      gate = Promise.withResolvers()
      await api.publishMany(id, Array(20).fill({ type: 'held', data: 1 }))
      await eventually(async () => (await api.stats(id)).workers.busy === 2)
      await api.expect(200, 'POST', `/v1/tenants/${id}/pause`)
      gate.resolve()
      await eventually(async () => {
        const stats = await api.stats(id)
        return stats.in_flight === 0 && stats.queue.ready + (await rows('messages', id)) === 20
      })
      expect(await rows('messages', id)).to.equal(2)
      await api.expect(200, 'POST', `/v1/tenants/${id}/resume`)
      await api.stored(id, 20)
    })

    it('a discarding deletion drops the queue and says how many messages went', async () => {
      const { api } = engine
      const { id } = await api.createTenant({ status: 'paused' })
      await api.publishMany(id, messages(50))
      await eventually(async () => (await api.stats(id)).queue.ready === 50)
      const answer = await api.expect(200, 'DELETE', `/v1/tenants/${id}?mode=discard`)
      expect(answer).to.deep.include({ id, status: 'deleted', drained: 0, discarded: 50 })
      expect(await Promise.all([engine.queue(id), engine.deadLetterQueue(id)])).to.deep.equal([undefined, undefined])
      expect(await partitions(id)).to.deep.equal([])
    })

    it('a publish to a tenant that is being deleted is accepted and stored, or refused: never silence', async () => {
      const { api } = engine
      const { id } = await api.createTenant()
      let isDeleted = false
      const outcomes: number[] = []
      const publishing = (async () => {
        while (!isDeleted) {
          const { status } = await api.call('POST', `/v1/tenants/${id}/messages`, { json: { type: 't', data: 1 } })
          outcomes.push(status)
        }
      })()
      await eventually(() => outcomes.length >= 20)
      const deleted = await api.call('DELETE', `/v1/tenants/${id}`)
      isDeleted = true
      await publishing
      expect(deleted.status, deleted.text).to.equal(200)
      expect([...new Set(outcomes)].filter((status) => ![202, 404, 409].includes(status))).to.deep.equal([])
    })

    it('tenants are made and removed side by side', async () => {
      const { api } = engine
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const { id } = await api.createTenant()
          await api.publishMany(id, messages(10))
          expect(await api.expect(200, 'DELETE', `/v1/tenants/${id}`)).to.include({ discarded: 0 })
        }),
      )
    })
  })
}

const messages = (count: number) => Array.from({ length: count }, (_, n) => ({ type: 'plain', data: { n } }))
