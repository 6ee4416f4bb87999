import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { defineHandler, reject, retry } from '../../../src/index.ts'
import { startEngine, startNodeOn, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'

interface ExplanationBody {
  readonly sentence: string
  readonly blocked_by: string | null
  readonly until: string | null
  readonly remedy: { readonly method: string; readonly path: string; readonly body?: unknown } | null
}
interface MessageExplanationBody extends ExplanationBody {
  readonly standing: string
  readonly position: { readonly ahead: number; readonly at_most: boolean } | null
  readonly expected_at: string | null
  readonly detail: string | null
  readonly missing_nodes: readonly string[]
}
interface TenantExplanationBody extends ExplanationBody {
  readonly also: readonly ExplanationBody[]
}

/** Of a slow machine. */
const patience = { timeoutMs: 20_000 }

for (const broker of brokerKinds) {
  describe(`explanations on ${broker}`, function () {
    this.timeout(40_000)
    let engine: TestEngine
    let tenantId: string
    let release = (): void => {}
    let held: Promise<void>

    before(async () => {
      engine = await startEngine({
        broker,
        handlers: [
          defineHandler({ type: 'held', handle: () => held }),
          defineHandler({ type: 'later', retry: 'location', handle: () => retry('the card 4711 was refused', 3_600_000) }),
          defineHandler({ type: 'refusing', handle: () => reject('never 4711') }),
        ],
      })
    })
    beforeEach(async () => {
      held = new Promise((resolve) => {
        release = resolve
      })
      tenantId = (await engine.api.createTenant()).id
    })
    afterEach(() => release())
    after(() => engine[Symbol.asyncDispose]())

    const path = (rest = ''): string => `/v1/tenants/${tenantId}${rest}`
    const publish = (message: object): Promise<string> => engine.api.publish(tenantId, { data: {}, ...message } as never)
    const ofTenant = () => engine.api.expect<TenantExplanationBody>(200, 'GET', path('/explain'))
    const ofMessage = (id: string) => engine.api.expect<MessageExplanationBody>(200, 'GET', path(`/messages/${id}/explain`))
    const whenBlockedBy = (id: string, code: string | null, standing: string) =>
      eventually(async () => {
        const found = await ofMessage(id)
        expect([found.blocked_by, found.standing]).to.deep.equal([code, standing])
        return found
      }, patience)

    it('a message that is scheduled waits for its time, and can be cancelled until then', async () => {
      const at = new Date(Date.now() + 3_600_000).toISOString()
      const id = await publish({ type: 'held', scheduled_at: at })
      const found = await ofMessage(id)
      expect(found).to.include({ standing: 'scheduled', blocked_by: 'schedule.waiting', until: at, expected_at: at })
      expect(found.sentence).to.equal(`Message ${id} is scheduled until ${at}; it can be cancelled until then.`)
      expect(found.remedy).to.equal(null)
      expect(await ofTenant()).to.include({ blocked_by: 'schedule.waiting', until: at })
      await engine.api.expect(204, 'DELETE', path(`/messages/${id}`))
      expect(await ofMessage(id)).to.include({ standing: 'unknown', blocked_by: null })
    })

    it('a message of a paused tenant waits in its queue until the call that it names', async () => {
      await engine.api.expect(200, 'POST', path('/pause'))
      const ids = [await publish({ type: 'held' }), await publish({ type: 'held' })]
      const found = await eventually(async () => {
        const second = await ofMessage(String(ids[1]))
        expect(second.position).to.deep.equal({ ahead: 1, at_most: broker === 'rabbitmq' })
        return second
      })
      // RabbitMQ does not say which messages wait: that this one was ever published, nobody else knows.
      const standing = broker === 'rabbitmq' ? 'unknown' : 'queued'
      expect(found).to.include({ standing, blocked_by: 'tenant.paused', expected_at: null })
      expect(found.sentence).to.match(/ because tenant .* is paused: .*; 2 are in its queue\.$/)
      const tenant = await ofTenant()
      expect([tenant.blocked_by, tenant.also.map((each) => each.blocked_by)]).to.deep.equal(['tenant.paused', ['queue.waiting']])
      expect(found.remedy).to.deep.equal(tenant.remedy)
      release()
      await engine.api.expect(200, found.remedy?.method ?? '', found.remedy?.path ?? '')
      const processed = await whenBlockedBy(String(ids[1]), null, 'processed')
      expect(processed.sentence).to.match(/ was processed at /)
      await eventually(async () => expect((await ofTenant()).sentence).to.match(/ has nothing to do\.$/))
    })

    it('a message that runs names its worker; one behind it knows its place, and the tenant that its workers are busy', async () => {
      await engine.api.expect(200, 'PUT', path('/config/concurrency'), { json: { workers: 1 } })
      const [first, second, third] = [await publish({ type: 'held' }), await publish({ type: 'held' }), await publish({ type: 'held' })]
      const running = await whenBlockedBy(first, 'handler.running', 'processing')
      expect(running.sentence).to.match(/ has been processed by worker 1 of node .* for \d+(\.\d)? s\.$/)
      expect(Date.parse(String(running.until)), 'the deadline of its handler').to.be.greaterThan(Date.now())
      await whenBlockedBy(second, 'workers.busy', 'queued')
      const waiting = await whenBlockedBy(third, 'workers.busy', 'queued')
      expect(waiting.position).to.deep.equal({ ahead: 1, at_most: false })
      const tenant = await ofTenant()
      expect(tenant.blocked_by).to.equal('workers.busy')
      expect(tenant.sentence).to.match(new RegExp(`worker 1 has run message ${first} longest`))
      expect(await engine.api.expect(200, 'PUT', tenant.remedy?.path ?? '', { json: tenant.remedy?.body })).to.include({ workers: 2 })
      await whenBlockedBy(second, 'handler.running', 'processing')
      release()
      await whenBlockedBy(third, null, 'processed')
    })

    it('a message that has failed waits for its retry, which the call that it names brings forward', async () => {
      const id = await publish({ type: 'later' })
      const found = await whenBlockedBy(id, 'retry.waiting', 'retrying')
      expect(found.sentence).to.match(/^Message .* failed at attempt 1 \(Retry\), and waits for retry 1, which is due at .*\.$/)
      expect(Date.parse(String(found.until))).to.be.greaterThan(Date.now() + 3_000_000)
      expect(found.detail).to.equal('the card 4711 was refused')
      expect(await ofTenant()).to.include({ blocked_by: 'retry.waiting', until: found.until })
      await engine.api.expect(202, found.remedy?.method ?? '', found.remedy?.path ?? '')
      await eventually(async () => expect((await ofMessage(id)).sentence).to.include('waits for retry 2'))
    })

    it('a message that waits for its retry in a drained tenant waits for the tenant, which names no other call', async () => {
      const id = await publish({ type: 'later' })
      await whenBlockedBy(id, 'retry.waiting', 'retrying')
      await engine.api.expect(202, 'POST', path('/drain'))
      const found = await whenBlockedBy(id, 'tenant.drained', 'retrying')
      expect(found).to.include({ until: null, expected_at: null })
      const tenant = await ofTenant()
      expect(found.remedy).to.deep.equal(tenant.remedy)
      expect(tenant.also.map((each) => [each.blocked_by, each.remedy])).to.deep.equal([['retry.waiting', null]])
      await engine.api.expect(200, found.remedy?.method ?? '', found.remedy?.path ?? '')
      await whenBlockedBy(id, 'retry.waiting', 'retrying')
    })

    it('a message that has failed for good says why, and its error’s text is no part of the sentence', async () => {
      const id = await publish({ type: 'refusing' })
      const found = await whenBlockedBy(id, 'message.failed', 'failed')
      expect(found.sentence).to.match(/ failed for good at .* after 1 attempt \(Rejected\): the handler gave it up\.$/)
      expect(found.detail).to.equal('never 4711')
      expect(found.remedy?.path).to.equal(path(`/failed-messages/${id}/retry`))
    })

    it('a message that nobody knows is unknown, which is no error; a tenant that nobody knows is one', async () => {
      const found = await ofMessage(randomUUID())
      expect(found).to.include({ standing: 'unknown', blocked_by: null, until: null, remedy: null, position: null })
      expect(found.missing_nodes).to.deep.equal([])
      await engine.api.expect(404, 'GET', `/v1/tenants/${randomUUID()}/explain`)
    })

    it('a node that runs no tenants answers from the memory of those that do', async () => {
      const id = await publish({ type: 'held' })
      await whenBlockedBy(id, 'handler.running', 'processing')
      await using other = await startNodeOn(engine.installation, { config: { role: 'api' } })
      await eventually(async () => {
        const found = await other.api.expect<MessageExplanationBody>(200, 'GET', path(`/messages/${id}/explain`))
        expect([found.standing, found.missing_nodes]).to.deep.equal(['processing', []])
        expect(found.sentence).to.match(/ has been processed by worker 1 of node /)
      })
    })

    it('an actor of a tenant is explained like the tenant that it waits for', async () => {
      await engine.api.expect(200, 'POST', path('/pause'))
      const tenant = await engine.api.expect<ExplanationBody>(200, 'GET', `/v1/actors/tenant:${tenantId}/explain`)
      expect(tenant).to.include({ blocked_by: 'tenant.paused' })
      const consumer = await engine.api.expect<ExplanationBody>(200, 'GET', `/v1/actors/tenant:${tenantId}.consumer/explain`)
      expect(consumer.remedy).to.deep.equal(tenant.remedy)
      expect(await engine.api.expect(200, 'GET', '/v1/actors/brokerLink/explain')).to.include({ blocked_by: null })
    })
  })
}
