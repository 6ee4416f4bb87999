import type { ConsumeMessage, MessageProperties } from 'amqplib'
import { expect } from 'chai'
import fc from 'fast-check'
import { toDeadLetter } from '../../../../src/broker/rabbitmq/dead-letter.ts'
import type { TenantId } from '../../../../src/core/ids.ts'

const tenantId = '0198f3a0-0000-7000-8000-000000000001' as TenantId
const id = '0198f3a0-0000-7000-8000-000000000002'
const readable = { messageId: id, type: 'test' }

function arrive(properties: object, content: Uint8Array = Buffer.from('{}')): ConsumeMessage {
  const fields = { deliveryTag: 1, redelivered: true, consumerTag: 'c', exchange: '', routingKey: 'q' }
  return { content: Buffer.from(content), fields, properties: properties as MessageProperties }
}

const died = (reason: unknown, others: object = {}) => ({ 'x-death': [{ reason, queue: 'q', count: 1 }, { reason: 'expired' }], ...others })

describe('toDeadLetter of RabbitMQ', () => {
  const table: readonly { name: string; properties: object; reason: string; detail: string }[] = [
    {
      name: 'rejected without an id',
      properties: { type: 'test', headers: died('rejected') },
      reason: 'undecodable',
      detail: 'it has no message_id',
    },
    {
      name: 'rejected and readable',
      properties: { ...readable, headers: died('rejected') },
      reason: 'unknown',
      detail: "RabbitMQ's reason: rejected",
    },
    {
      name: 'delivered too often',
      properties: { ...readable, headers: died('delivery_limit') },
      reason: 'delivery_limit',
      detail: 'it was delivered more often than its queue allows',
    },
    {
      name: 'only the first death',
      properties: { headers: { 'x-first-death-reason': 'expired' } },
      reason: 'expired',
      detail: 'it waited longer in its queue than it may',
    },
    { name: 'maxlen', properties: { headers: died('maxlen') }, reason: 'unknown', detail: "RabbitMQ's reason: maxlen" },
    { name: 'put there by hand', properties: {}, reason: 'unknown', detail: 'RabbitMQ names no reason' },
    { name: 'an earlier version', properties: { headers: { reason: 'a\nb' } }, reason: 'unknown', detail: 'a b' },
    { name: 'an odd x-death', properties: { headers: { 'x-death': [null] } }, reason: 'unknown', detail: 'RabbitMQ names no reason' },
  ]
  for (const { name, properties, reason, detail } of table) {
    it(`${name}: ${reason}, ${detail}`, () => {
      expect(toDeadLetter(tenantId, arrive(properties))).to.include({ tenantId, reason, detail, redelivered: true })
    })
  }

  it('says what the properties say, and leaves out what is unusable', () => {
    const headers = { created_at_ms: 5, key: 'k', attempt: 4 }
    expect(toDeadLetter(tenantId, arrive({ ...readable, priority: 2, headers }))).to.include({
      ...{ id, type: 'test', priority: 2, key: 'k', createdAtMs: 5, attempt: 4 },
    })
    const odd = { created_at_ms: -1, key: 7, attempt: 0 }
    expect(toDeadLetter(tenantId, arrive({ messageId: '17', type: '', priority: 9, headers: odd }))).to.include({
      ...{ id: undefined, type: undefined, priority: 0, key: null, attempt: 1 },
    })
  })

  it('reads anything', () => {
    fc.assert(
      fc.property(fc.object(), fc.option(fc.object(), { nil: undefined }), fc.uint8Array(), (properties, headers, content) => {
        const letter = toDeadLetter(tenantId, arrive({ ...properties, headers }, content))
        expect(Buffer.from(content).equals(letter.body)).to.equal(true)
        expect(letter.detail).to.match(/^.{1,500}$/)
      }),
    )
  })
})
