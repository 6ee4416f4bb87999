import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { ack, defineHandler, type HandlerDefinition, reject, retry } from '../../../src/index.ts'
import type { ProblemBody } from '../../support/api.ts'
import { startEngine, startNodeOn, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { brokerKinds } from '../../support/installation.ts'

interface FailedBody {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly status: string
  readonly attempts: number
  readonly retry_count: number
  readonly next_retry_at: string | null
  readonly error: { readonly class: string; readonly message: string }
  readonly fingerprint: string
  readonly reason: string | null
  readonly history: readonly { readonly attempt: number; readonly outcome: string; readonly error_class: string }[]
}
interface FailedStatsBody {
  readonly by_status: Readonly<Record<string, number>>
  readonly kinds: readonly { readonly count: number; readonly error: { readonly class: string; readonly message: string | null } }[]
}

/** What handlers were run for, by message; and how they answer from now on. */
const runs: { id: string; attempt: number; type: string }[] = []
let answer: () => ReturnType<typeof retry> | typeof ack = () => ack
/** Of a slow machine. */
const patience = { timeoutMs: 30_000 }
const gates = new Map<string, Promise<void>>()

const handlers: readonly HandlerDefinition[] = [
  defineHandler<{ fails: number }>({
    type: 'flaky',
    retry: { attempts: 5, baseMs: 20, capMs: 50 },
    handle: ({ id, data, type }, { attempt }) => {
      runs.push({ id, attempt, type })
      return attempt <= data.fails ? retry(`not yet: ${attempt} of ${data.fails}`) : ack
    },
  }),
  defineHandler({
    type: 'moody',
    retry: { attempts: 2, baseMs: 20, capMs: 50, nonRetryable: ['TypeError'] },
    handle: ({ id, type }, { attempt }) => {
      runs.push({ id, attempt, type })
      return answer()
    },
  }),
  defineHandler({ type: 'refusing', handle: () => reject('never') }),
  defineHandler({
    type: 'typing',
    retry: { attempts: 5, nonRetryable: ['TypeError'] },
    handle: () => {
      throw new TypeError('password=hunter2 is not a function')
    },
  }),
  defineHandler({ type: 'later', retry: 'location', handle: () => retry('later', 3_600_000) }),
  defineHandler({
    type: 'asked',
    retry: { attempts: 9, baseMs: 1, capMs: 1 },
    handle: () => retry('again'),
    shouldRetry: ({ attempts }) => attempts < 3 || 'three are enough',
  }),
  defineHandler({
    type: 'remote',
    destination: 'remote.example',
    retry: { attempts: 100, baseMs: 1, capMs: 1 },
    handle: ({ id, type }, { attempt }) => {
      runs.push({ id, attempt, type })
      return answer()
    },
  }),
  defineHandler({
    type: 'gated',
    handle: async ({ id, type }, { attempt, tenant }) => {
      runs.push({ id, attempt, type })
      await gates.get(tenant.id)
    },
  }),
]

for (const broker of brokerKinds) {
  describe(`failed messages on ${broker}`, function () {
    this.timeout(40_000)
    let engine: TestEngine
    before(async () => {
      engine = await startEngine({ broker, handlers, config: { circuit: { failures: 3, openMs: 200, capMs: 400 } } })
    })
    after(() => engine[Symbol.asyncDispose]())
    beforeEach(() => {
      answer = () => ack
    })

    const failedOf = async (tenantId: string, query = ''): Promise<readonly FailedBody[]> =>
      (await engine.api.expect<{ data: FailedBody[] }>(200, 'GET', `/v1/tenants/${tenantId}/failed-messages${query}`)).data
    const oneOf = (tenantId: string, id: string) =>
      engine.api.expect<FailedBody>(200, 'GET', `/v1/tenants/${tenantId}/failed-messages/${id}`)
    const inStatus = (tenantId: string, id: string, status: string) =>
      eventually(async () => {
        const failed = await oneOf(tenantId, id)
        if (failed.status !== status) throw new Error(`${failed.status}, not ${status}: ${JSON.stringify(failed)}`)
        return failed
      }, patience)
    const statusOf = async (tenantId: string, id: string) =>
      (await engine.api.expect<{ status: string }>(200, 'GET', `/v1/tenants/${tenantId}/messages/${id}`)).status
    const runsOf = (id: string) => runs.filter((run) => run.id === id).map((run) => run.attempt)

    it('a message that fails is tried again until it succeeds, and its history is kept', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const id = await api.publish(tenantId, { type: 'flaky', data: { fails: 3 } })
      const failed = await inStatus(tenantId, id, 'resolved')
      expect(failed).to.include({ retry_count: 3, next_retry_at: null, reason: null })
      expect(failed.data).to.deep.equal({ fails: 3 })
      expect(failed.history.map(({ attempt, outcome }) => `${attempt} ${outcome}`)).to.deep.equal(['1 failed', '2 failed', '3 failed'])
      expect(runsOf(id)).to.deep.equal([1, 2, 3, 4])
      expect(await api.expect(200, 'GET', `/v1/tenants/${tenantId}/messages/${id}`)).to.include({ status: 'processed', attempts: 4 })
    })

    it('one whose attempts are exhausted is given up, and can be tried again by hand, with a new count', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      answer = () => retry('down')
      const id = await api.publish(tenantId, { type: 'moody' })
      const failed = await inStatus(tenantId, id, 'permanently_failed')
      expect(failed).to.include({ attempts: 2, reason: 'all 2 attempts have failed' })
      expect(failed.error).to.deep.equal({ class: 'Retry', message: 'down' })
      expect(await statusOf(tenantId, id)).to.equal('failed')

      await api.expect(202, 'POST', `/v1/tenants/${tenantId}/failed-messages/${id}/retry`)
      await eventually(async () => (await oneOf(tenantId, id)).attempts === 4)
      expect(await inStatus(tenantId, id, 'permanently_failed')).to.include({ attempts: 4 })
      answer = () => ack
      await api.expect(202, 'POST', `/v1/tenants/${tenantId}/failed-messages/${id}/retry`)
      expect((await inStatus(tenantId, id, 'resolved')).history).to.have.length(4)
      expect(await statusOf(tenantId, id)).to.equal('processed')
      expect(runsOf(id)).to.deep.equal([1, 2, 3, 4, 5])
      const again = await api.call<ProblemBody>('POST', `/v1/tenants/${tenantId}/failed-messages/${id}/retry`)
      expect([again.status, again.body.code]).to.deep.equal([409, 'failed_message.not_retryable'])
    })

    it('a rejection and a class that is not retryable are given up at once, and secrets do not reach the row', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const [refused, typed] = await api.publishMany(tenantId, [
        { type: 'refusing', data: 1 },
        { type: 'typing', data: 1 },
      ])
      expect(await inStatus(tenantId, String(refused), 'permanently_failed')).to.include({ attempts: 1, reason: 'the handler gave it up' })
      const failed = await inStatus(tenantId, String(typed), 'permanently_failed')
      expect(failed).to.include({ attempts: 1, reason: 'TypeError is not retryable' })
      expect(failed.error.class).to.equal('TypeError')
      expect(failed.error.message).not.to.include('hunter2')
    })

    it('what a tenant says about a type is stronger than what the handler says', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant({ config: { retry: { types: { flaky: 'none' } } } })
      const id = await api.publish(tenantId, { type: 'flaky', data: { fails: 3 } })
      expect(await inStatus(tenantId, id, 'permanently_failed')).to.include({ attempts: 1 })
    })

    it('afterMs sets the time of the next attempt; by hand it is due now, and discarding ends it', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const beforeMs = Date.now()
      const id = await api.publish(tenantId, { type: 'later' })
      const failed = await inStatus(tenantId, id, 'pending')
      expect(Date.parse(String(failed.next_retry_at))).to.be.within(beforeMs + 3_600_000, Date.now() + 3_600_000)
      expect(await statusOf(tenantId, id)).to.equal('retrying')
      await api.expect(202, 'POST', `/v1/tenants/${tenantId}/failed-messages/${id}/retry`)
      await eventually(async () => {
        const { attempts, status } = await oneOf(tenantId, id)
        return attempts === 2 && status === 'pending'
      })
      await api.expect(204, 'DELETE', `/v1/tenants/${tenantId}/failed-messages/${id}`)
      expect(await oneOf(tenantId, id)).to.include({ status: 'discarded', next_retry_at: null })
      expect(await statusOf(tenantId, id)).to.equal('failed')
      const again = await api.call<ProblemBody>('DELETE', `/v1/tenants/${tenantId}/failed-messages/${id}`)
      expect([again.status, again.body.code]).to.deep.equal([409, 'failed_message.not_discardable'])
    })

    it('shouldRetry gives a message up, with its reason', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const id = await api.publish(tenantId, { type: 'asked' })
      expect(await inStatus(tenantId, id, 'permanently_failed')).to.include({ attempts: 3, reason: 'three are enough' })
      expect(await statusOf(tenantId, id)).to.equal('failed')
    })

    it('many are counted, retried and discarded together, by filter or by id', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const path = `/v1/tenants/${tenantId}/failed-messages`
      const ids = await api.publishMany(
        tenantId,
        Array.from({ length: 120 }, (_, n) => ({ type: n % 2 ? 'refusing' : 'typing', data: n })),
      )
      await eventually(async () => {
        const { by_status } = await api.expect<FailedStatsBody>(200, 'GET', `${path}/stats`)
        return by_status.permanently_failed === 120
      })
      const { kinds } = await api.expect<FailedStatsBody>(200, 'GET', `${path}/stats`)
      expect(kinds.map(({ count }) => count)).to.deep.equal([60, 60])
      for (const { error } of kinds) expect(error.message).to.be.a('string')
      const counted = await api.expect(202, 'POST', `${path}/discard`, { json: { type: 'typing', dry_run: true } })
      expect(counted).to.deep.equal({ matched: 60, dry_run: true })
      expect(await api.expect(202, 'POST', `${path}/discard`, { json: { type: 'typing' } })).to.deep.include({ matched: 60 })
      expect(await failedOf(tenantId, '?status=discarded&limit=200')).to.have.length(60)
      const few = ids.filter((_, n) => n % 2).slice(0, 5)
      expect(await api.expect(202, 'POST', `${path}/retry`, { json: { ids: few } })).to.deep.include({ matched: 5 })
      await eventually(async () => (await Promise.all(few.map((id) => oneOf(tenantId, id)))).every(({ attempts }) => attempts === 2))
      expect((await api.call('POST', `${path}/retry`, { json: {} })).status).to.equal(400)
    })

    it('an open circuit puts messages off, without a run, until a probe succeeds', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant({ workers: 1 })
      answer = () => retry('connection refused')
      const ids = await api.publishMany(
        tenantId,
        Array.from({ length: 10 }, (_, n) => ({ type: 'remote', data: n })),
      )
      await eventually(async () => {
        const { circuits } = await api.expect<{ circuits: readonly { destination: string }[] }>(200, 'GET', `/v1/tenants/${tenantId}/stats`)
        return circuits[0]?.destination === 'remote.example'
      })
      // Any node says so, also one that runs no tenants.
      await using api2 = await startNodeOn(engine.installation, { handlers, config: { role: 'api' } })
      await eventually(async () => {
        const { circuits } = await api2.api.expect<{ circuits: readonly unknown[] }>(200, 'GET', `/v1/tenants/${tenantId}/stats`)
        return circuits.length === 1
      })
      await eventually(async () => {
        const all = await Promise.all((await failedOf(tenantId)).map(({ id }) => oneOf(tenantId, id)))
        return all.some(({ history }) =>
          history.some(({ outcome, error_class }) => outcome === 'deferred' && error_class === 'CircuitOpen'),
        )
      })
      answer = () => ack
      await eventually(async () => (await failedOf(tenantId, '?status=resolved')).length === 10)
      await eventually(async () => (await api.stats(tenantId)).circuits.length === 0)
      for (const id of ids) expect(await statusOf(tenantId, id)).to.equal('processed')
    })

    it('a scheduled message waits for its time, is listed, and can be cancelled', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      const at = (ms: number) => new Date(Date.now() + ms).toISOString()
      const path = `/v1/tenants/${tenantId}/messages`
      const never = await api.publish(tenantId, { type: 'flaky', data: { fails: 0 }, scheduled_at: at(3_600_000) })
      const later = await api.publish(tenantId, { type: 'flaky', data: { fails: 0 }, scheduled_at: at(7_200_000) })
      const { data } = await api.expect<{ data: { id: string; status: string }[] }>(200, 'GET', `${path}?status=scheduled`)
      expect(data.map(({ id }) => id)).to.deep.equal([never, later])
      await api.expect(204, 'DELETE', `${path}/${never}`)
      expect((await api.call('GET', `${path}/${never}`)).status).to.equal(404)
      // A request that takes longer than its message has is one for now.
      const soon = await eventually(async () => {
        const json = { type: 'flaky', data: { fails: 0 }, scheduled_at: at(1_000) }
        const { id, status } = await api.expect<{ id: string; status: string }>(202, 'POST', path, { json })
        expect(status).to.equal('scheduled')
        return { id, atMs: Date.parse(json.scheduled_at) }
      })
      const stored = await eventually(async () => {
        const found = await api.message(tenantId, soon.id)
        expect(found).to.include({ status: 'processed', attempts: 1 })
        return found
      }, patience)
      expect(Date.parse(String(stored.processed_at))).to.be.at.least(soon.atMs)
      expect(runsOf(soon.id)).to.deep.equal([1])
      const late = await api.call<ProblemBody>('DELETE', `${path}/${soon.id}`)
      expect([late.status, late.body.code]).to.deep.equal([409, 'message.not_cancellable'])
      expect((await api.call('DELETE', `${path}/${randomUUID()}`)).status).to.equal(404)
    })

    it('one Idempotency-Key is one message, also for requests at the same moment on two nodes', async () => {
      const { api } = engine
      await using second = await startNodeOn(engine.installation, { handlers })
      const { id: tenantId } = await api.createTenant()
      const headers = { 'idempotency-key': 'order 7' }
      const json = { type: 'flaky', data: { fails: 0 } }
      const publish = (node: typeof api) => node.call<{ id: string }>('POST', `/v1/tenants/${tenantId}/messages`, { json, headers })
      const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => publish(n % 2 ? second.api : api)))
      expect(
        new Set(answers.map(({ status, body }) => `${status} ${body.id}`)).size,
        JSON.stringify(answers.map(({ text }) => text)),
      ).to.equal(1)
      expect(answers.filter(({ headers: of }) => of.get('idempotency-replayed') === 'true')).to.have.length(9)
      const other = await api.call<ProblemBody>('POST', `/v1/tenants/${tenantId}/messages`, { json: { ...json, priority: 1 }, headers })
      expect([other.status, other.body.code]).to.deep.equal([409, 'idempotency.mismatch'])
      const last = await api.publish(tenantId)
      const stored = await api.stored(tenantId, 2)
      expect(stored.map(({ id }) => id).sort()).to.deep.equal([String(answers[0]?.body.id), last].sort())
    })

    it('a retry goes on where a node that has gone left it', async () => {
      const { api } = engine
      const { id: tenantId } = await api.createTenant()
      let second = await startNodeOn(engine.installation, { handlers })
      const ids = await api.publishMany(
        tenantId,
        Array.from({ length: 40 }, () => ({ type: 'flaky', data: { fails: 2 } })),
      )
      await second.close(0)
      second = await startNodeOn(engine.installation, { handlers })
      await eventually(async () => (await failedOf(tenantId, '?status=resolved&limit=200')).length === 40, { timeoutMs: 38_000 })
      await second.close()
      for (const id of ids) expect(await statusOf(tenantId, id)).to.equal('processed')
    })
  })
}
