/** Between the engine's traces and OpenTelemetry's contexts. */
import {
  type Context,
  context,
  createContextKey,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  trace as traces,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { formatTraceparent, readTraceparent, type TraceContext } from '../core/trace.ts'

/** undefined for a parent that cannot be read. */
export function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const place = readTraceparent(traceparent)
  if (place === undefined) return undefined
  const { traceId, spanId, isSampled } = place
  const found = { traceId, spanId, traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true }
  return tracestate === undefined ? found : { ...found, traceState: createTraceState(tracestate) }
}

export function toTraceContext(span: SpanContext): TraceContext {
  const traceparent = formatTraceparent({ traceId: span.traceId, spanId: span.spanId, isSampled: isSampled(span) })
  const tracestate = span.traceState?.serialize()
  return tracestate ? { traceparent, tracestate } : { traceparent }
}

const isSampled = ({ traceFlags }: SpanContext): boolean => (traceFlags & TraceFlags.SAMPLED) !== 0

/** Spans never descend from whatever happens to be active: a tenant's actor lives in the context of the request that spawned it. */
export const within = (parent: SpanContext | undefined): Context =>
  parent === undefined ? ROOT_CONTEXT : traces.setSpanContext(ROOT_CONTEXT, parent)

/**
 * Makes `context.with` work in this process, unless somebody has seen to it already. It is the one thing that all engines of a
 * process share: without it, no instrumented client in a handler finds the span that it belongs to. It stays for good.
 */
export function ensureContextManager(): void {
  const key = createContextKey('tenantry probe')
  const isThere = context.with(ROOT_CONTEXT.setValue(key, true), () => context.active().getValue(key) === true)
  if (!isThere) context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
}
