import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { context, SpanKind, SpanStatusCode, trace as traces } from '@opentelemetry/api'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { processed, type Settlement } from '../../../src/core/failure.ts'
import { type MessageId, tenantQueueName } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import { readTrace, readTraceparent } from '../../../src/core/trace.ts'
import { createCollectorProcessor } from '../../../src/observability/tracing-collector.ts'
import { createTracing } from '../../../src/observability/tracing-spans.ts'
import { createDelivery, createLines, tenantId } from '../../actors/support/samples.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const callerSpan = '00f067aa0ba902b7'
const caller = { traceparent: `00-${traceId}-${callerSpan}-01`, tracestate: 'vendor=1' }
const unrecorded = { traceparent: `00-${traceId}-${callerSpan}-00` }

function setup({ sampleRatio = 1, serviceName }: { sampleRatio?: number; serviceName?: string } = {}) {
  const exporter = new InMemorySpanExporter()
  const { tracing, close } = createTracing({
    broker: 'rabbitmq',
    nodeId: 'node-1',
    version: '1.2.3',
    serviceName,
    sampleRatio,
    processor: new SimpleSpanProcessor(exporter),
  })
  const spans = () => exporter.getFinishedSpans()
  const send = (parent?: { traceparent: string }) => {
    const span = tracing.send({ tenantId, count: 1, parent })
    span.end({ ids: ['m' as MessageId] })
    return span
  }
  const attempt = (trace: string | undefined, settlement: Settlement | undefined, fields: Partial<Delivery> = {}) => {
    const span = tracing.process(createDelivery({ trace, ...fields }))
    span.end(settlement)
    return span
  }
  return { tracing, close, spans, send, attempt }
}

const retrying: Settlement = {
  kind: 'retrying',
  failure: { errorClass: 'TypeError', error: 'the card number 4711 is unknown' },
  dueAtMs: 0,
  firstAttempt: 1,
  order: 'oldest',
  history: [],
}
const idsOf = (span: ReadableSpan | undefined) => span?.spanContext()
const parentOf = (span: ReadableSpan | undefined) => span?.parentSpanContext?.spanId
const linksOf = (span: ReadableSpan | undefined) => span?.links.map((link) => link.context.spanId)
const lastOf = (trace: string) => String(readTrace(trace)?.lastSpanId)

describe('tracing', () => {
  it('makes of a message a send, a process and a settle in the caller’s trace, each the child of the one before', () => {
    const { tracing, spans, send, attempt } = setup()
    const { trace } = send(caller)
    tracing.settle([attempt(trace, processed).trace])?.end()
    const [sent, ran, settled] = spans()
    expect(spans().map((span) => idsOf(span)?.traceId)).to.deep.equal([traceId, traceId, traceId])
    expect([parentOf(sent), parentOf(ran), parentOf(settled)]).to.deep.equal([callerSpan, idsOf(sent)?.spanId, idsOf(ran)?.spanId])
    expect([sent?.kind, ran?.kind, settled?.kind]).to.deep.equal([SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.CLIENT])
    expect(spans().map(({ name }) => name)).to.deep.equal([
      'send tenant_{id}_queue',
      'process tenant_{id}_queue',
      'settle tenant_{id}_queue',
    ])
    expect(idsOf(ran)?.traceState?.serialize()).to.equal('vendor=1')
  })

  it('says what a span is about by the messaging conventions, and nothing of what the message says', () => {
    const { spans, send, attempt } = setup()
    const { trace } = send(caller)
    attempt(trace, retrying, { attempt: 2, redelivered: true, type: 'order.paid', key: 'k', text: () => '"secret"' })
    const common = {
      'messaging.system': 'rabbitmq',
      'messaging.system.name': 'rabbitmq',
      'messaging.destination.name': tenantQueueName(tenantId),
      'messaging.destination.template': 'tenant_{id}_queue',
      'tenantry.tenant.id': tenantId,
    }
    const [sent, ran] = spans()
    expect(sent?.attributes).to.deep.equal({
      ...common,
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.message.id': 'm',
    })
    expect(ran?.attributes).to.deep.equal({
      ...common,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.message.id': ran?.attributes['messaging.message.id'],
      'tenantry.message.type': 'order.paid',
      'tenantry.message.attempt': 2,
      'tenantry.message.redelivered': true,
      'tenantry.outcome': 'retrying',
      'error.type': 'TypeError',
    })
    expect(ran?.status).to.deep.equal({ code: SpanStatusCode.ERROR, message: 'TypeError' })
  })

  it('links each attempt to the one before, and the send between them too', () => {
    const { tracing, spans, send, attempt } = setup()
    const first = attempt(send(caller).trace, retrying)
    tracing.resend({ ...createDelivery({ attempt: 2, trace: first.trace }), body: '1' })?.end(new AppError('broker.blocked', 'no'))
    const second = attempt(first.trace, processed, { attempt: 2 })
    const [sent, ran, resent, ranAgain] = spans()
    expect(linksOf(ran)).to.deep.equal([])
    expect([linksOf(resent), linksOf(ranAgain)]).to.deep.equal([[lastOf(first.trace)], [lastOf(first.trace)]])
    expect([parentOf(resent), parentOf(ranAgain)]).to.deep.equal([idsOf(sent)?.spanId, idsOf(sent)?.spanId])
    expect([resent?.attributes['error.type'], resent?.status.code]).to.deep.equal(['broker.blocked', SpanStatusCode.ERROR])
    expect(lastOf(second.trace)).to.equal(idsOf(ranAgain)?.spanId)
  })

  it('begins a trace for a message without one, to which its next attempt belongs', () => {
    const { spans, attempt } = setup()
    attempt(attempt(undefined, retrying).trace, processed, { attempt: 2 })
    const [first, second] = spans()
    expect(first?.parentSpanContext).to.equal(undefined)
    expect([parentOf(second), linksOf(second)]).to.deep.equal([idsOf(first)?.spanId, [idsOf(first)?.spanId]])
  })

  it('notes runs that failed within an attempt, what was put off, and what nobody waited for', () => {
    const { tracing, spans, attempt } = setup()
    const span = tracing.process(createDelivery())
    span.runFailed('TypeError')
    span.end(processed)
    const deferred = { attempt: 1, startedAtMs: 0, durationMs: 0, outcome: 'deferred', errorClass: 'CircuitOpen', error: '' } as const
    attempt(undefined, { ...retrying, history: [deferred] })
    attempt(undefined, undefined)
    expect(spans()[0]?.events.map(({ name, attributes }) => [name, attributes])).to.deep.equal([
      ['run failed', { 'error.type': 'TypeError' }],
    ])
    expect(spans().map(({ attributes }) => attributes['tenantry.outcome'])).to.deep.equal(['processed', 'deferred', 'abandoned'])
  })

  it('gives a statement for several traces one of its own, with at most 128 links', () => {
    const { tracing, spans, attempt } = setup({ sampleRatio: 0 })
    const carried = Array.from({ length: 130 }, (_, index) => `00-${String(index + 1).padStart(32, '0')}-${callerSpan}-01`)
    tracing.settle([undefined, ...carried.map((trace) => attempt(trace, processed).trace)])?.end()
    const settled = spans().at(-1)
    expect(settled?.parentSpanContext).to.equal(undefined)
    expect(settled?.links).to.have.length(128)
    expect(settled?.attributes['messaging.batch.message_count']).to.equal(131)
  })

  it('counts the messages of a batch, and says when an earlier request had published them', () => {
    const { tracing, spans } = setup()
    tracing.send({ tenantId, count: 3, parent: undefined }).end({ ids: ['a', 'b', 'c'] as MessageId[], replayed: true })
    expect(spans()[0]?.attributes).to.include({ 'messaging.batch.message_count': 3, 'tenantry.replayed': true })
    expect(spans()[0]?.attributes).not.to.have.property('messaging.message.id')
  })

  it('passes on what a caller does not record, and makes nothing of it', () => {
    const { tracing, spans, send, attempt } = setup()
    const { trace } = send(unrecorded)
    expect(readTraceparent(trace)).to.deep.include({ traceId, isSampled: false })
    const span = attempt(trace, retrying)
    expect([span.context, span.trace, span.recordedTraceId]).to.deep.equal([{ traceparent: trace }, trace, undefined])
    expect(span.run(() => traces.getSpanContext(context.active())?.traceId)).to.equal(traceId)
    expect(tracing.resend({ ...createDelivery({ trace }), body: '1' })).to.equal(undefined)
    expect(tracing.settle([span.trace, undefined])).to.equal(undefined)
    expect(spans()).to.deep.equal([])
  })

  it('records the part of its own traces that it was told to, whole or not at all', () => {
    const { tracing, spans, send, attempt } = setup({ sampleRatio: 0.5 })
    for (let count = 0; count < 200; count++) tracing.settle([attempt(send().trace, processed).trace])?.end()
    const byTrace = Map.groupBy(spans(), (span) => String(idsOf(span)?.traceId))
    expect(byTrace.size).to.be.within(50, 150)
    expect([...byTrace.values()].every((own) => own.length === 3)).to.equal(true)
  })

  it('ignores what is no trace', () => {
    const { spans, send, attempt } = setup()
    attempt('nonsense', processed)
    send({ traceparent: 'nonsense' })
    expect(spans().map((span) => span.parentSpanContext)).to.deep.equal([undefined, undefined])
  })

  it('makes the attempt’s span the active one for all that its handler sets off, in every engine of the process', async () => {
    for (const { tracing } of [setup(), setup()]) {
      const span = tracing.process(createDelivery())
      const active = await span.run(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return traces.getActiveSpan()?.spanContext()
      })
      expect(span.context.traceparent).to.equal(`00-${active?.traceId}-${active?.spanId}-01`)
      expect(traces.getActiveSpan()).to.equal(undefined)
    }
  })

  it('names the service, its version and the node', () => {
    const { spans, send } = setup({ serviceName: 'orders' })
    send()
    expect(spans()[0]?.resource.attributes).to.include({
      'service.name': 'orders',
      'service.version': '1.2.3',
      'service.instance.id': 'node-1',
    })
  })

  it('drops spans after it was closed, and is closed twice', async () => {
    const { close, send } = setup()
    await Promise.all([close(), close()])
    expect(send(caller).traceId).to.equal(traceId)
  })

  it('says once that the collector takes no spans, and once that it does again', async () => {
    const paths: string[] = []
    const server = createServer((request, response) => {
      paths.push(String(request.url))
      request.resume().on('end', () => response.writeHead(paths.length < 3 ? 400 : 200).end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const log = createLines()
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/otel/`
    const processor = createCollectorProcessor(endpoint, log)
    const { tracing, close } = createTracing({
      broker: 'rabbitmq',
      nodeId: 'n',
      version: '1',
      serviceName: undefined,
      sampleRatio: 1,
      processor,
    })
    for (let count = 0; count < 4; count++) {
      tracing.send({ tenantId, count: 1, parent: undefined }).end({})
      await processor.forceFlush().catch(() => undefined)
    }
    await close()
    server.closeAllConnections()
    server.close()
    expect(log.lines).to.deep.equal(['the collector takes no spans; they are dropped until it does', 'the collector takes spans again'])
    expect(new Set(paths)).to.deep.equal(new Set(['/otel/v1/traces']))
  })

  it('loads nothing of OpenTelemetry into a program that does not trace', async () => {
    // The interface alone is there: prom-client asks it for exemplars.
    const program = `
      import { createRequire } from 'node:module'
      const { openTracing } = await import(${JSON.stringify(new URL('../../../src/observability/tracing.ts', import.meta.url).href)})
      await import(${JSON.stringify(new URL('../../../src/app.ts', import.meta.url).href)})
      const tracing = await openTracing({ endpoint: undefined, sampleRatio: 1 }, {}, {})
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => /opentelemetry[/\\\\](?!api[/\\\\])/.test(file))
      console.log(JSON.stringify({ isOff: tracing === undefined, loaded }))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=development', '--input-type=module', '-e', program])
    expect(JSON.parse(stdout)).to.deep.equal({ isOff: true, loaded: [] })
  }).timeout(120_000)
})
