/**
 * A message as AMQP carries it: the body is the `data` JSON text alone; everything else is a property or a header.
 *
 * | field        | where                                             |
 * | id           | message_id                                        |
 * | type         | type                                              |
 * | priority     | priority                                          |
 * | createdAtMs  | header created_at_ms                              |
 * | readyAtMs    | header ready_at_ms, absent when it is createdAtMs |
 * | key          | header key, absent when null                      |
 * | attempt      | header attempt, absent when 1                     |
 * | firstAttempt | header first_attempt, absent when 1               |
 * | trace        | headers traceparent, tracestate (as W3C writes them) and last_span_id, absent when nobody traces |
 */
import { isUtf8 } from 'node:buffer'
import type { ConsumeMessage, MessageProperties, Options } from 'amqplib'
import { type MessageId, readMessageId, type TenantId } from '../../core/ids.ts'
import type { Delivery, OutboundMessage, Priority } from '../../core/message.ts'
import type { DeadLetter } from '../../core/ports/broker.ts'
import { formatTrace, readTrace, toTrace } from '../../core/trace.ts'

interface Headers {
  created_at_ms: number
  ready_at_ms?: number
  key?: string
  attempt?: number
  first_attempt?: number
  traceparent?: string
  tracestate?: string
  last_span_id?: string
}

type Arrival = Pick<ConsumeMessage, 'properties' | 'content'>

/** `ticket` finds the publish again when the broker returns the message as unroutable. */
export function toPublishOptions(message: OutboundMessage, ticket: string): Options.Publish {
  const headers: Headers = { created_at_ms: message.createdAtMs }
  if (message.readyAtMs !== message.createdAtMs) headers.ready_at_ms = message.readyAtMs
  if (message.key !== null) headers.key = message.key
  if (message.attempt > 1) headers.attempt = message.attempt
  if (message.firstAttempt > 1) headers.first_attempt = message.firstAttempt
  if (message.trace !== undefined) addTrace(headers, message.trace)
  return {
    persistent: true,
    mandatory: true,
    contentType: 'application/json',
    messageId: message.id,
    correlationId: ticket,
    type: message.type,
    priority: message.priority,
    headers,
  }
}

/** The delivery, or undefined when findFault() has something to say. */
export function readDelivery(tenantId: TenantId, message: ConsumeMessage): Delivery | undefined {
  const { properties, fields, content } = message
  const id = readId(properties)
  if (id === undefined || findFault(message, id) !== undefined) return undefined
  const headers = readHeaders(properties)
  const createdAtMs = isEpochMs(headers.created_at_ms) ? headers.created_at_ms : Date.now()
  const attempt = isAttempt(headers.attempt) ? headers.attempt : 1
  return new RabbitmqDelivery(
    tenantId,
    id,
    properties.type,
    toPriority(properties.priority),
    isKey(headers.key) ? headers.key : null,
    createdAtMs,
    isEpochMs(headers.ready_at_ms) ? headers.ready_at_ms : createdAtMs,
    attempt,
    isAttempt(headers.first_attempt) && headers.first_attempt <= attempt ? headers.first_attempt : 1,
    readTraceOf(headers),
    fields.redelivered,
    fields.deliveryTag,
    content,
  )
}

/** What we require and the message lacks, as one line for operators; undefined when it can be delivered. */
export function findFault({ properties, content }: Arrival, id = readId(properties)): string | undefined {
  if (id === undefined) return properties.messageId === undefined ? 'it has no message_id' : 'its message_id is not a UUID'
  if (!isType(properties.type)) return properties.type ? 'its type is not a text of at most 255 bytes' : 'it has no type'
  if (!isUtf8(content)) return 'its body is not UTF-8'
  return undefined
}

/** What the properties of any message say, each unusable one left out. */
export function readProperties(properties: MessageProperties): Omit<DeadLetter, 'tenantId' | 'body' | 'reason' | 'detail' | 'redelivered'> {
  const headers = readHeaders(properties)
  return {
    id: readId(properties),
    type: isType(properties.type) ? properties.type : undefined,
    priority: toPriority(properties.priority),
    key: isKey(headers.key) ? headers.key : null,
    createdAtMs: isEpochMs(headers.created_at_ms) ? headers.created_at_ms : Date.now(),
    attempt: isAttempt(headers.attempt) ? headers.attempt : 1,
    trace: readTraceOf(headers),
  }
}

function addTrace(headers: Headers, text: string): void {
  const trace = readTrace(text)
  if (!trace) return
  headers.traceparent = trace.traceparent
  if (trace.tracestate !== undefined) headers.tracestate = trace.tracestate
  if (trace.lastSpanId !== undefined) headers.last_span_id = trace.lastSpanId
}

function readTraceOf(headers: { readonly [header: string]: unknown }): string | undefined {
  if (headers.traceparent === undefined) return undefined
  const trace = toTrace(headers.traceparent, headers.last_span_id, headers.tracestate)
  return trace && formatTrace(trace)
}

const readHeaders = ({ headers = {} }: MessageProperties): { readonly [header: string]: unknown } => headers
const readId = ({ messageId }: MessageProperties): MessageId | undefined =>
  typeof messageId === 'string' ? readMessageId(messageId) : undefined
// AMQP's own limit, which the replacement characters of a type that is not UTF-8 can exceed on the way back.
const isType = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && (value.length <= 85 || Buffer.byteLength(value) <= 255)
const toPriority = (value: unknown): Priority => (value === 1 || value === 2 ? value : 0)
/** Far over what the engine accepts, far under what AMQP carries back: headers fit in 64 KiB. */
const maxKeyLength = 10_000
const isKey = (value: unknown): value is string => typeof value === 'string' && value.length <= maxKeyLength
const maxEpochMs = 8.64e15
const isEpochMs = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxEpochMs
const isAttempt = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 32_767

// A class, not a literal: one hidden shape for every delivery, and the text is decoded once, when somebody wants it.
class RabbitmqDelivery implements Delivery {
  #content: Buffer | undefined
  #text: string | undefined
  readonly tenantId: TenantId
  readonly id: MessageId
  readonly type: string
  readonly priority: Priority
  readonly key: string | null
  readonly createdAtMs: number
  readonly readyAtMs: number
  readonly attempt: number
  readonly firstAttempt: number
  readonly trace: string | undefined
  readonly redelivered: boolean
  readonly tag: number

  constructor(
    tenantId: TenantId,
    id: MessageId,
    type: string,
    priority: Priority,
    key: string | null,
    createdAtMs: number,
    readyAtMs: number,
    attempt: number,
    firstAttempt: number,
    trace: string | undefined,
    redelivered: boolean,
    tag: number,
    content: Buffer,
  ) {
    this.tenantId = tenantId
    this.id = id
    this.type = type
    this.priority = priority
    this.key = key
    this.createdAtMs = createdAtMs
    this.readyAtMs = readyAtMs
    this.attempt = attempt
    this.firstAttempt = firstAttempt
    this.trace = trace
    this.redelivered = redelivered
    this.tag = tag
    this.#content = content
  }

  text(): string {
    if (this.#text === undefined) {
      this.#text = this.#content?.toString('utf8') ?? ''
      // The content is a view on a larger read buffer: let that go.
      this.#content = undefined
    }
    return this.#text
  }
}
