/** What a message belongs to for those who trace it: W3C Trace Context, and the one line that queues and tables carry of it. */

/** A place in a trace, as the headers `traceparent` and `tracestate` name it. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

/** A span by its ids, in lower-case hex. */
export interface SpanPlace {
  readonly traceId: string
  readonly spanId: string
  /** Whether whoever began the trace has it recorded. */
  readonly isSampled: boolean
}

/** Where a message was sent from, and the span of its last attempt when it has had one. */
export interface Trace extends TraceContext {
  readonly lastSpanId?: string | undefined
}

const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** undefined when W3C says to ignore it. Of a later version, what this one knows is read. */
export function readTraceparent(text: string): SpanPlace | undefined {
  const [, version, traceId, spanId, flags, rest] = form.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === '00' && rest !== undefined) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export const formatTraceparent = ({ traceId, spanId, isSampled }: SpanPlace): string => `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`

/** From two headers; a state is worth nothing without its parent, and one that is no text of at most 512 visible characters is left out. */
export function readTraceContext(traceparent: unknown, tracestate?: unknown): TraceContext | undefined {
  const place = typeof traceparent === 'string' ? readTraceparent(traceparent) : undefined
  if (place === undefined) return undefined
  const parent = { traceparent: formatTraceparent(place) }
  return isTracestate(tracestate) ? { ...parent, tracestate } : parent
}

/**
 * The trace in one line.
 *
 * Shape: `<traceparent>[,[<span id of the last attempt>][,<tracestate>]]`: a message that was not tried yet and whose caller sent
 *        no state has a plain traceparent.
 */
export function formatTrace({ traceparent, tracestate, lastSpanId }: Trace): string {
  if (tracestate !== undefined) return `${traceparent},${lastSpanId ?? ''},${tracestate}`
  return lastSpanId === undefined ? traceparent : `${traceparent},${lastSpanId}`
}

/** What formatTrace() has written; undefined for any other text. */
export function readTrace(text: string): Trace | undefined {
  const [traceparent = '', lastSpanId, ...states] = text.split(',')
  return toTrace(traceparent, lastSpanId, states.length === 0 ? undefined : states.join(','))
}

/** True for a line of formatTrace() whose trace nobody records: found without reading all of it, since there may be many of them. */
export const isUnrecorded = (trace: string): boolean => trace.charAt(54) === '0'

/** From its parts as somebody else has kept them; each unusable one left out, all of it when there is no parent. */
export function toTrace(traceparent: unknown, lastSpanId: unknown, tracestate: unknown): Trace | undefined {
  const context = readTraceContext(traceparent, tracestate)
  return context && isSpanId(lastSpanId) ? { ...context, lastSpanId } : context
}

const isSpanId = (value: unknown): value is string => typeof value === 'string' && /^(?!0{16})[0-9a-f]{16}$/.test(value)
const isTracestate = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]{1,512}$/.test(value)
