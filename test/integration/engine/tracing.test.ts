import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { trace as traces } from '@opentelemetry/api'
import { expect } from 'chai'
import { type TenantId, tenantQueueName } from '../../../src/core/ids.ts'
import { ack, defineHandler, type HandlerDefinition, retry } from '../../../src/index.ts'
import { type Collector, startCollector } from '../../support/collector.ts'
import { startEngine, startNodeOn, type TestEngine } from '../../support/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { type BrokerKind, brokerKinds } from '../../support/installation.ts'
import { countIntervals } from '../../support/intervals.ts'
import type { SpanLook } from '../../support/otlp.ts'
import { withChannel } from '../../support/rabbitmq.ts'

/** Of a slow machine. */
const patience = { timeoutMs: 30_000 }
/** What handlers were told of their trace, and what was active around them. */
const told: { traceparent: string | undefined; active: string | undefined }[] = []
/** Of the handler that never answers the first time. */
let held = Promise.withResolvers<void>()
let isHolding = true

const handlers: readonly HandlerDefinition[] = [
  defineHandler<{ fails: number }>({
    type: 'flaky',
    retry: { attempts: 5, baseMs: 20, capMs: 50 },
    handle: ({ data }, { attempt }) => (attempt <= data.fails ? retry('the card number 4711 is unknown') : ack),
  }),
  defineHandler({
    type: 'forwards',
    handle: async (_, { publish, trace }) => {
      const active = traces.getActiveSpan()?.spanContext()
      told.push({ traceparent: trace?.traceparent, active: active && `00-${active.traceId}-${active.spanId}-01` })
      await publish({ type: 'forwarded', data: 1 })
    },
  }),
  defineHandler({
    type: 'held',
    handle: async (_, { signal }) => {
      held.resolve()
      if (isHolding) await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  }),
]

const isolated = fileURLToPath(new URL('../../support/handlers/tracing.ts', import.meta.url))

/** A caller's place in a new trace. */
function newCaller() {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=1' } }
}

for (const broker of brokerKinds) {
  describe(`tracing with ${broker}`, function () {
    this.timeout(60_000)
    let collector: Collector
    let engine: TestEngine
    let tenantId: string
    before(async () => {
      collector = await startCollector()
      engine = await startEngine({
        broker,
        handlers,
        config: { tracing: { endpoint: `${collector.url}/`, serviceName: 'orders' }, handlers: [isolated] },
      })
      tenantId = (await engine.api.createTenant()).id
    })
    after(async () => {
      await engine?.[Symbol.asyncDispose]()
      await collector?.[Symbol.asyncDispose]()
    })

    const publish = async (json: unknown, path = 'messages') => {
      const { headers, ...caller } = newCaller()
      const answer = await engine.api.expect<{ id: string; status: string }>(202, 'POST', `/v1/tenants/${tenantId}/${path}`, {
        json,
        headers,
      })
      return { ...caller, id: answer.id, status: answer.status }
    }
    /** The spans of a trace, by operation and in the order in which they ended, once so many were sent and processed, and settled. */
    const spansOf = (traceId: string, counts: { readonly send: number; readonly process: number }) =>
      eventually(() => {
        const found = collector.spans.filter((span) => span.traceId === traceId)
        const of = (operation: 'send' | 'process' | 'settle') => found.filter(({ name }) => name.startsWith(operation))
        const seen = { send: of('send').length, process: of('process').length, settles: of('settle').length > 0 }
        expect(seen).to.deep.equal({ ...counts, settles: true })
        return of
      }, patience)

    it('a message is one trace from its caller to the commit, sent as protobuf', async () => {
      const { traceId, spanId, id } = await publish({ type: 'flaky', data: { fails: 0 } })
      const spans = await spansOf(traceId, { send: 1, process: 1 })
      const [[send], [process], [settle]] = [spans('send'), spans('process'), spans('settle')]
      expect([send?.parentSpanId, process?.parentSpanId, settle?.parentSpanId]).to.deep.equal([spanId, send?.spanId, process?.spanId])
      expect([send?.kind, process?.kind, settle?.kind]).to.deep.equal(['producer', 'consumer', 'client'])
      expect(settle?.links).to.deep.equal([{ traceId, spanId: process?.spanId }])
      expect([send?.service, process?.tracestate]).to.deep.equal(['orders', 'vendor=1'])
      expect(process?.attributes).to.include({
        'messaging.system': broker === 'rabbitmq' ? 'rabbitmq' : 'postgresql',
        'messaging.destination.name': tenantQueueName(tenantId as TenantId),
        'messaging.message.id': id,
        'tenantry.outcome': 'processed',
      })
      for (const request of collector.requests) {
        expect(request).to.deep.equal({ method: 'POST', path: '/v1/traces', contentType: 'application/x-protobuf' })
      }
    })

    it('attempts link to the one before, schedules keep their trace, and the messages of a batch share a send', async () => {
      const flaky = await publish({ type: 'flaky', data: { fails: 2 } })
      // A request that takes longer than its message has is one for now.
      const scheduled = await eventually(async () => {
        const accepted = await publish({ type: 'note', data: 1, scheduled_at: new Date(Date.now() + 300).toISOString() })
        expect(accepted.status).to.equal('scheduled')
        return accepted
      })
      const messages = [1, 2, 3].map((data) => ({ type: 'note', data }))
      const batch = await publish({ messages }, 'messages/batch')

      // Sent by the caller once, and by the retry scheduler twice.
      const tried = await spansOf(flaky.traceId, { send: 3, process: 3 })
      const [first, second, third] = tried('process')
      const [sent, again, andAgain] = tried('send')
      const linksOf = (span: SpanLook | undefined) => span?.links.map((link) => link.spanId)
      expect([first, second, third].map(linksOf)).to.deep.equal([[], [first?.spanId], [second?.spanId]])
      expect([again, andAgain].map(linksOf)).to.deep.equal([[first?.spanId], [second?.spanId]])
      expect(new Set([...tried('process'), again, andAgain].map((span) => span?.parentSpanId))).to.deep.equal(new Set([sent?.spanId]))
      expect(tried('process').map(({ attributes: of }) => [of['tenantry.message.attempt'], of['tenantry.outcome']])).to.deep.equal([
        [1, 'retrying'],
        [2, 'retrying'],
        [3, 'processed'],
      ])
      expect([first?.status, third?.status.code]).to.deep.equal([{ code: 2, message: 'Retry' }, 0])
      expect(JSON.stringify(collector.spans)).not.to.include('4711')

      const waited = await spansOf(scheduled.traceId, { send: 2, process: 1 })
      const [accepted, released] = waited('send')
      expect([released?.parentSpanId, waited('process')[0]?.parentSpanId]).to.deep.equal([accepted?.spanId, accepted?.spanId])

      const together = await spansOf(batch.traceId, { send: 1, process: 3 })
      const [all] = together('send')
      expect(all?.attributes['messaging.batch.message_count']).to.equal(3)
      expect(new Set(together('process').map((span) => span.parentSpanId))).to.deep.equal(new Set([all?.spanId]))
    })

    it('what a handler publishes belongs to its attempt, also from a thread, and it knows its place', async () => {
      const here = await publish({ type: 'forwards', data: 1 })
      const there = await publish({ type: 'tells its trace from a thread', data: 1 })
      const placeOf = async ({ traceId, id }: typeof here) => {
        const spans = await spansOf(traceId, { send: 2, process: 2 })
        const ran = spans('process').find(({ attributes }) => attributes['messaging.message.id'] === id)
        expect(spans('send').map((span) => span.parentSpanId)).to.include(ran?.spanId)
        return `00-${traceId}-${ran?.spanId}-01`
      }
      const place = await placeOf(here)
      expect(told.at(-1)).to.deep.equal({ traceparent: place, active: place })
      const traceparent = await placeOf(there)
      const answer = (await engine.api.listAll(`/v1/tenants/${tenantId}/messages`)).find(({ type }) => type === 'told')
      const { data } = await engine.api.message(tenantId, String(answer?.id))
      expect(data).to.deep.equal({ from: there.id, trace: { traceparent, tracestate: 'vendor=1' } })
    })

    it('a message that the broker delivers again is processed again in its trace', async () => {
      held = Promise.withResolvers()
      isHolding = true
      const { traceId, id } = await publish({ type: 'held', data: 1 })
      await held.promise
      isHolding = false
      await engine.close(0)
      await using next = await startNodeOn(engine.installation, { handlers, config: { tracing: { endpoint: collector.url } } })
      await eventually(async () => (await next.api.call('GET', `/v1/tenants/${tenantId}/messages/${id}`)).status === 200, patience)
      const spans = await spansOf(traceId, { send: 1, process: 2 })
      const [sent] = spans('send')
      expect(spans('process').map((span) => [span.parentSpanId, span.attributes['tenantry.outcome']])).to.deep.equal([
        [sent?.spanId, 'abandoned'],
        [sent?.spanId, 'processed'],
      ])
      expect(spans('process')[1]?.attributes['tenantry.message.redelivered']).to.equal(true)
    })
  })
}

describe('tracing that is off, or whose collector is away', function () {
  this.timeout(60_000)

  for (const broker of brokerKinds) {
    it(`adds nothing to what goes through ${broker}, whatever the caller sends`, async () => {
      await using engine = await startEngine({ broker })
      const { id: tenantId } = await engine.api.createTenant({ status: 'paused' })
      const { headers } = newCaller()
      await engine.api.expect(202, 'POST', `/v1/tenants/${tenantId}/messages`, { json: { type: 'note', data: 1 }, headers })
      expect(await readCarried(broker, engine, tenantId)).not.to.have.any.keys('traceparent', 'tracestate', 'last_span_id', 'trace')
    })
  }

  it('carries W3C headers through RabbitMQ when it is on', async () => {
    await using collector = await startCollector()
    await using engine = await startEngine({ broker: 'rabbitmq', config: { tracing: { endpoint: collector.url } } })
    const { id: tenantId } = await engine.api.createTenant({ status: 'paused' })
    const { traceId, headers } = newCaller()
    await engine.api.expect(202, 'POST', `/v1/tenants/${tenantId}/messages`, { json: { type: 'note', data: 1 }, headers })
    const carried = await readCarried('rabbitmq', engine, tenantId)
    expect(carried).to.include({ tracestate: 'vendor=1' })
    expect(carried).not.to.have.property('last_span_id')
    expect(carried?.traceparent).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  })

  it('publishes and processes as ever when the collector is away', async () => {
    await using engine = await startEngine({ broker: 'postgres', config: { tracing: { endpoint: 'http://127.0.0.1:1' } } })
    const { id: tenantId } = await engine.api.createTenant()
    await engine.api.publishMany(
      tenantId,
      Array.from({ length: 600 }, () => ({ type: 'note', data: 1 })),
    )
    await engine.api.stored(tenantId, 600)
    using intervals = countIntervals(100)
    await engine.close()
    expect(intervals.passed()).to.be.below(100)
  })
})

/** The headers of the one message in the tenant's queue, or the data of its job. */
async function readCarried(broker: BrokerKind, engine: TestEngine, tenantId: string): Promise<Record<string, unknown> | undefined> {
  const queue = tenantQueueName(tenantId as TenantId)
  const { rabbitmqUrl } = engine.installation
  if (broker === 'rabbitmq' && rabbitmqUrl !== undefined) {
    const got = await withChannel(rabbitmqUrl, (channel) => channel.get(queue))
    return got === false ? undefined : { ...got.properties.headers }
  }
  const [job] = await engine.installation.query<{ data: Record<string, unknown> }>('select data from tenantry_queue.job where name = $1', [
    queue,
  ])
  return job?.data
}
