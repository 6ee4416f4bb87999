/** Tracing for a node: off, and not even loaded, unless an endpoint is configured. */
import type { Logger } from '../core/ports/logger.ts'
import type { Tracing } from '../core/ports/tracing.ts'
import { readTraceparent, type TraceContext } from '../core/trace.ts'

export interface TracingSettings {
  /** Where a collector takes OTLP over HTTP; undefined turns tracing off. */
  readonly endpoint: string | undefined
  /** Of the traces that begin here, 0 to 1; one that a caller has begun is recorded when the caller has it recorded. */
  readonly sampleRatio: number
  readonly serviceName: string | undefined
}

/** What the resource of the spans says beside the service's name. */
export interface TracedNode {
  readonly nodeId: string
  readonly version: string
  readonly broker: 'rabbitmq' | 'postgresql'
}

export interface OpenTracing {
  readonly tracing: Tracing
  /** Sends what waits, for two seconds at most. Never rejects; tolerates twice. */
  close(): Promise<void>
}

/** undefined when tracing is off. */
export async function openTracing(settings: TracingSettings, node: TracedNode, log: Logger): Promise<OpenTracing | undefined> {
  const { endpoint } = settings
  if (endpoint === undefined) return undefined
  const [{ createTracing }, { createCollectorProcessor }] = await Promise.all([
    import('./tracing-spans.ts'),
    import('./tracing-collector.ts'),
  ])
  log.info('traces are sent to a collector', { sample_ratio: settings.sampleRatio })
  return createTracing({ ...settings, ...node, processor: createCollectorProcessor(endpoint, log) })
}

/** What the lines of the log about a run have in common with its span; nothing when nobody traces. */
export function toTraceIds(trace: TraceContext | undefined): { readonly trace_id?: string; readonly span_id?: string } {
  const place = trace && readTraceparent(trace.traceparent)
  return place ? { trace_id: place.traceId, span_id: place.spanId } : {}
}
