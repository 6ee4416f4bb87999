/** The spans of one engine, with a tracer provider of its own: nothing of it is registered globally. */
import { type Attributes, context, type Link, type SpanContext, SpanKind, type Tracer, trace as traces } from '@opentelemetry/api'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { Settlement } from '../core/failure.ts'
import type { Delivery, OutboundMessage } from '../core/message.ts'
import type { EndedBy, ProcessSpan, Publication, SendSpan, Tracing } from '../core/ports/tracing.ts'
import { formatTrace, isUnrecorded, readTrace, type Trace, type TraceContext } from '../core/trace.ts'
import { within as settleWithin } from '../core/within.ts'
import { markFailed, names, type Operation, ofTenant, toCommon, toErrorClass, toSpanName } from './tracing-attributes.ts'
import { ensureContextManager, toSpanContext, toTraceContext, within } from './tracing-context.ts'
import { createProvider, type ResourceFacts } from './tracing-provider.ts'

export interface TracingOptions extends ResourceFacts {
  readonly broker: 'rabbitmq' | 'postgresql'
  readonly sampleRatio: number
  readonly processor: SpanProcessor
}

const maxLinks = 128
const closeLimitMs = 2_000

export function createTracing(options: TracingOptions): { readonly tracing: Tracing; close(): Promise<void> } {
  ensureContextManager()
  const provider = createProvider(options)
  const start = createStart(provider.getTracer('tenantry', options.version), options.broker)
  return {
    tracing: {
      send: (publication) => startSend(start, publication),
      resend: (message) => startResend(start, message),
      process: (delivery) => startProcess(start, delivery),
      settle: (traces) => startSettle(start, traces),
    },
    // Spans that cannot be sent are lost, and whoever sends them has said so.
    close: () =>
      settleWithin(
        provider.shutdown().catch(() => undefined),
        closeLimitMs,
        () => undefined,
      ),
  }
}

type Start = ReturnType<typeof createStart>

function createStart(tracer: Tracer, system: string) {
  const prepare = (operation: Operation, kind: SpanKind) => ({ name: toSpanName(operation), kind, common: toCommon(system, operation) })
  const operations = {
    send: prepare('send', SpanKind.PRODUCER),
    process: prepare('process', SpanKind.CONSUMER),
    settle: prepare('settle', SpanKind.CLIENT),
  }
  return (operation: Operation, parent: SpanContext | undefined, attributes: Attributes, links: Link[] = []) => {
    const { name, kind, common } = operations[operation]
    return tracer.startSpan(name, { kind, attributes: { ...common, ...attributes }, links }, within(parent))
  }
}

function startSend(start: Start, { tenantId, count, parent }: Publication): SendSpan {
  const batch = count > 1 ? { [names.batchCount]: count } : {}
  const span = start('send', parent && toSpanContext(parent), { ...ofTenant(tenantId), ...batch })
  const { traceId } = span.spanContext()
  return {
    traceId,
    trace: formatTrace(toTraceContext(span.spanContext())),
    end({ ids, replayed, error }) {
      if (ids?.length === 1 && ids[0] !== undefined) span.setAttribute(names.messageId, ids[0])
      if (replayed) span.setAttribute(names.replayed, true)
      if (error !== undefined) markFailed(span, toErrorClass(error))
      span.end()
    },
  }
}

function startResend(start: Start, message: OutboundMessage): EndedBy | undefined {
  if (message.trace === undefined || isUnrecorded(message.trace)) return undefined
  const { trace, parent } = readCarried(message.trace)
  if (!trace || !parent) return undefined
  const { tenantId, id, attempt } = message
  const attributes = { ...ofTenant(tenantId), [names.messageId]: id, [names.attempt]: attempt }
  return toEnded(start('send', parent, attributes, toLastAttempt(trace, parent)))
}

function startProcess(start: Start, delivery: Delivery): ProcessSpan {
  if (delivery.trace !== undefined && isUnrecorded(delivery.trace)) return toSilent(delivery.trace)
  const { trace, parent } = readCarried(delivery.trace)
  const { tenantId, id, type, attempt, redelivered } = delivery
  const attributes = {
    ...ofTenant(tenantId),
    [names.messageId]: id,
    [names.messageType]: type,
    [names.attempt]: attempt,
    ...(redelivered ? { [names.redelivered]: true } : {}),
  }
  const span = start('process', parent, attributes, trace && parent && toLastAttempt(trace, parent))
  const own = span.spanContext()
  const place = toTraceContext(own)
  return {
    context: place,
    trace: formatTrace({ ...(trace ?? place), lastSpanId: own.spanId }),
    recordedTraceId: span.isRecording() ? own.traceId : undefined,
    run: (work) => context.with(traces.setSpan(within(undefined), span), work),
    runFailed: (errorClass) => void span.addEvent('run failed', { 'error.type': errorClass }),
    end(settlement) {
      span.setAttribute(names.outcome, toOutcome(settlement))
      if (settlement && settlement.kind !== 'processed') markFailed(span, settlement.failure.errorClass)
      span.end()
    },
  }
}

/** Of a trace that is not recorded: it is passed on, and nothing is made of it; not even read, unless somebody asks. */
const toSilent = (text: string): ProcessSpan => ({
  get context() {
    return toContext(readTrace(text) ?? { traceparent: text })
  },
  trace: text,
  recordedTraceId: undefined,
  run: (work) => context.with(within(readCarried(text).parent), work),
  runFailed: () => {},
  end: () => {},
})

const toContext = ({ traceparent, tracestate }: Trace): TraceContext =>
  tracestate === undefined ? { traceparent } : { traceparent, tracestate }

function startSettle(start: Start, carried: readonly (string | undefined)[]): EndedBy | undefined {
  const spans = carried.flatMap((text) => toAttempt(text) ?? [])
  const [first] = spans
  if (first === undefined) return undefined
  const isOneTrace = spans.every(({ traceId }) => traceId === first.traceId)
  const links = spans.slice(0, maxLinks).map((span) => ({ context: span }))
  return toEnded(start('settle', isOneTrace ? first : undefined, { [names.batchCount]: carried.length }, links))
}

const toEnded = (span: ReturnType<Start>): EndedBy => ({
  end(error) {
    if (error !== undefined) markFailed(span, toErrorClass(error))
    span.end()
  },
})

function readCarried(text: string | undefined): { readonly trace?: Trace; readonly parent?: SpanContext } {
  const trace = text === undefined ? undefined : readTrace(text)
  const parent = trace && toSpanContext(trace)
  return trace && parent ? { trace, parent } : {}
}

/** The span of the attempt that the message has just had; undefined unless it is recorded. */
function toAttempt(text: string | undefined): SpanContext | undefined {
  if (text === undefined || isUnrecorded(text)) return undefined
  const { trace, parent } = readCarried(text)
  if (!trace?.lastSpanId || !parent) return undefined
  return { ...parent, spanId: trace.lastSpanId }
}

const toLastAttempt = ({ lastSpanId }: Trace, parent: SpanContext): Link[] =>
  lastSpanId === undefined ? [] : [{ context: { ...parent, spanId: lastSpanId } }]

/** `deferred`: the circuit of its destination was open, and no handler ran. `abandoned`: the node could not wait for it. */
function toOutcome(settlement: Settlement | undefined): string {
  if (settlement === undefined) return 'abandoned'
  return settlement.kind === 'retrying' && settlement.history[0]?.outcome === 'deferred' ? 'deferred' : settlement.kind
}
