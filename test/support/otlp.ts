/** Reads what the tests look at in an ExportTraceServiceRequest of OTLP. */

export interface SpanLook {
  readonly service: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for a span that begins its trace. */
  readonly parentSpanId: string
  readonly tracestate: string
  readonly name: string
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified'
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly events: readonly { readonly name: string; readonly attributes: SpanLook['attributes'] }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: { readonly code: number; readonly message: string }
}

/** Of one field: a number for what is one on the wire, the bytes for everything else. */
type Value = number | Buffer
type Message = ReadonlyMap<number, readonly Value[]>

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const

export function readOtlpSpans(request: Buffer): readonly SpanLook[] {
  return messages(read(request), 1).flatMap((resourceSpans) => {
    const resource = toAttributes(messages(resourceSpans, 1).flatMap((found) => messages(found, 1)))
    const spans = messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2))
    return spans.map((span) => toLook(span, String(resource['service.name'])))
  })
}

function toLook(span: Message, service: string): SpanLook {
  const [status] = messages(span, 15)
  return {
    service,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    tracestate: text(span, 3),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: kinds[number(span, 6)] ?? 'unspecified',
    attributes: toAttributes(messages(span, 9)),
    events: messages(span, 11).map((event) => ({ name: text(event, 2), attributes: toAttributes(messages(event, 3)) })),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    status: { code: status ? number(status, 3) : 0, message: status ? text(status, 2) : '' },
  }
}

function toAttributes(pairs: readonly Message[]): SpanLook['attributes'] {
  return Object.fromEntries(
    pairs.flatMap((pair) => messages(pair, 2).map((value): [string, string | number | boolean] => [text(pair, 1), toScalar(value)])),
  )
}

function toScalar(value: Message): string | number | boolean {
  if (value.has(1)) return text(value, 1)
  if (value.has(2)) return number(value, 2) === 1
  return number(value, 3)
}

const bytes = (message: Message, field: number): Buffer => {
  const value = message.get(field)?.[0]
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}
const text = (message: Message, field: number): string => bytes(message, field).toString('utf8')
const hex = (message: Message, field: number): string => bytes(message, field).toString('hex')
const number = (message: Message, field: number): number => {
  const value = message.get(field)?.[0]
  return typeof value === 'number' ? value : 0
}
const messages = (message: Message, field: number): readonly Message[] =>
  (message.get(field) ?? []).flatMap((value) => (Buffer.isBuffer(value) ? [read(value)] : []))

/** Protobuf's wire format: each field begins with its number and how long it is. */
function read(buffer: Buffer): Message {
  const fields = new Map<number, Value[]>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = buffer.readUInt8(at++)
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const take = (length: number): Buffer => {
    at += length
    return buffer.subarray(at - length, at)
  }
  while (at < buffer.length) {
    const tag = varint()
    const value = readValue(tag % 8, varint, take)
    fields.set(tag >>> 3, [...(fields.get(tag >>> 3) ?? []), value])
  }
  return fields
}

function readValue(wireType: number, varint: () => number, take: (length: number) => Buffer): Value {
  switch (wireType) {
    case 0:
      return varint()
    case 1:
      return take(8)
    case 2:
      return take(varint())
    case 5:
      return take(4)
    default:
      throw new Error(`protobuf: no wire type ${wireType} in OTLP`)
  }
}
