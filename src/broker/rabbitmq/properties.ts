/**
 * A message as AMQP carries it: the body is the `data` JSON text alone; everything else is a property or a header.
 *
 * | field       | where                                   |
 * | id          | message_id                              |
 * | type        | type                                    |
 * | priority    | priority                                |
 * | createdAtMs | header created_at_ms                    |
 * | key         | header key, absent when null            |
 * | attempt     | header attempt, absent when 1           |
 */
import { isUtf8 } from 'node:buffer'
import type { ConsumeMessage, Options } from 'amqplib'
import { type MessageId, readMessageId, type TenantId } from '../../core/ids.ts'
import type { Delivery, OutboundMessage, Priority } from '../../core/message.ts'

interface Headers {
  created_at_ms: number
  key?: string
  attempt?: number
  reason?: string
}

/** `ticket` finds the publish again when the broker returns the message as unroutable. */
export function toPublishOptions(message: OutboundMessage, ticket: string): Options.Publish {
  const headers: Headers = { created_at_ms: message.createdAtMs }
  if (message.key !== null) headers.key = message.key
  if (message.attempt > 1) headers.attempt = message.attempt
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

export function toDeadLetterOptions(delivery: Delivery, reason: string, ticket: string): Options.Publish {
  const options = toPublishOptions({ ...fieldsOf(delivery), body: '' }, ticket)
  return { ...options, headers: { ...options.headers, reason: reason.slice(0, 2000) } }
}

const fieldsOf = (delivery: Delivery): Omit<OutboundMessage, 'body'> => ({
  tenantId: delivery.tenantId,
  id: delivery.id,
  type: delivery.type,
  priority: delivery.priority,
  key: delivery.key,
  createdAtMs: delivery.createdAtMs,
  attempt: delivery.attempt,
})

/** The delivery, or undefined when a property that we require is missing or the body is not UTF-8. */
export function readDelivery(tenantId: TenantId, message: ConsumeMessage): Delivery | undefined {
  const { properties, fields, content } = message
  const headers = (properties.headers ?? {}) as Partial<Record<keyof Headers, unknown>>
  const id = typeof properties.messageId === 'string' ? readMessageId(properties.messageId) : undefined
  if (id === undefined || !isType(properties.type) || !isUtf8(content)) return undefined
  return new RabbitmqDelivery(
    tenantId,
    id,
    properties.type,
    toPriority(properties.priority),
    typeof headers.key === 'string' && headers.key.length <= maxKeyLength ? headers.key : null,
    isEpochMs(headers.created_at_ms) ? headers.created_at_ms : Date.now(),
    isAttempt(headers.attempt) ? headers.attempt : 1,
    fields.redelivered,
    fields.deliveryTag,
    content,
  )
}

// AMQP's own limit, which the replacement characters of a type that is not UTF-8 can exceed on the way back.
const isType = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && (value.length <= 85 || Buffer.byteLength(value) <= 255)
const toPriority = (value: unknown): Priority => (value === 1 || value === 2 ? value : 0)
/** Far over what the engine accepts, far under what AMQP carries back: headers fit in 64 KiB. */
const maxKeyLength = 10_000
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
  readonly attempt: number
  readonly redelivered: boolean
  readonly tag: number

  constructor(
    tenantId: TenantId,
    id: MessageId,
    type: string,
    priority: Priority,
    key: string | null,
    createdAtMs: number,
    attempt: number,
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
    this.attempt = attempt
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
