import type { ConsumeMessage, Options } from 'amqplib'
import { expect } from 'chai'
import fc from 'fast-check'
import { findFault, readDelivery, toPublishOptions } from '../../../../src/broker/rabbitmq/properties.ts'
import type { MessageId, TenantId } from '../../../../src/core/ids.ts'
import type { OutboundMessage, Priority } from '../../../../src/core/message.ts'

const tenantId = '0198f3a0-0000-7000-8000-000000000001' as TenantId
const sent: OutboundMessage = {
  tenantId,
  id: '0198f3a0-0000-7000-8000-000000000002' as MessageId,
  type: 'order.created',
  priority: 2,
  key: 'k',
  createdAtMs: 1_700_000_000_123,
  readyAtMs: 1_700_000_060_456,
  attempt: 3,
  firstAttempt: 2,
  body: '{"a":1}',
}

/** What a broker hands out for what was published. */
function arrive(options: Options.Publish, content: Buffer, tag = 1): ConsumeMessage {
  const fields = { deliveryTag: tag, redelivered: true, consumerTag: 'c', exchange: '', routingKey: 'q' }
  return { content, fields, properties: { ...options } } as unknown as ConsumeMessage
}

const read = (changes: Partial<Options.Publish>, content: Buffer | string = '{}') =>
  readDelivery(tenantId, arrive({ ...toPublishOptions(sent, '1'), ...changes }, Buffer.from(content)))

describe('properties of a message', () => {
  it('come back as they were sent', () => {
    const messages = fc.record({
      id: fc.uuid({ version: 7 }),
      type: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }).filter((type) => Buffer.byteLength(type) <= 255),
      priority: fc.constantFrom<Priority>(0, 1, 2),
      key: fc.option(fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' })),
      createdAtMs: fc.integer({ min: 0, max: 8.64e15 }),
      readyAtMs: fc.integer({ min: 0, max: 8.64e15 }),
      attempts: fc.tuple(fc.integer({ min: 1, max: 32_767 }), fc.integer({ min: 1, max: 32_767 })),
      body: fc.json(),
    })
    fc.assert(
      fc.property(messages, ({ attempts, ...fields }) => {
        const [attempt, firstAttempt] = [Math.max(...attempts), Math.min(...attempts)]
        const message: OutboundMessage = { tenantId, ...fields, attempt, firstAttempt, id: fields.id as MessageId }
        const delivery = readDelivery(tenantId, arrive(toPublishOptions(message, '7'), Buffer.from(message.body), 42))
        const { body, ...rest } = message
        expect(delivery).to.include({ ...rest, tag: 42, redelivered: true })
        expect(delivery?.text()).to.equal(body)
      }),
    )
  })

  it('make a message that outlives the broker, and comes back when it has no queue', () => {
    expect(toPublishOptions(sent, '7')).to.include({ persistent: true, mandatory: true, correlationId: '7' })
  })

  it('say nothing that is not needed', () => {
    const plain = { ...sent, key: null, readyAtMs: sent.createdAtMs, attempt: 1, firstAttempt: 1 }
    expect(toPublishOptions(plain, '7').headers).to.deep.equal({ created_at_ms: sent.createdAtMs })
    expect(toPublishOptions(sent, '7').headers).to.deep.equal({
      created_at_ms: 1_700_000_000_123,
      ready_at_ms: 1_700_000_060_456,
      key: 'k',
      attempt: 3,
      first_attempt: 2,
    })
  })

  const foreign: readonly { name: string; fault: string; changes?: Partial<Options.Publish>; content?: Buffer }[] = [
    { name: 'no id', fault: 'it has no message_id', changes: { messageId: undefined } },
    { name: 'an id that is not a UUID', fault: 'its message_id is not a UUID', changes: { messageId: '17' } },
    { name: 'no type', fault: 'it has no type', changes: { type: undefined } },
    { name: 'an empty type', fault: 'it has no type', changes: { type: '' } },
    {
      name: 'a type that AMQP cannot carry back',
      fault: 'its type is not a text of at most 255 bytes',
      changes: { type: '\ufffd'.repeat(100) },
    },
    { name: 'a body that is not UTF-8', fault: 'its body is not UTF-8', content: Buffer.from([0x22, 0xff, 0xfe, 0x22]) },
  ]
  for (const { name, fault, changes = {}, content = Buffer.from('{}') } of foreign) {
    it(`with ${name} are not ours: ${fault}`, () => {
      const message = arrive({ ...toPublishOptions(sent, '1'), ...changes }, content)
      expect(readDelivery(tenantId, message)).to.equal(undefined)
      expect(findFault(message)).to.equal(fault)
    })
  }

  it('that are optional have a default when they are absent or odd', () => {
    const before = Date.now()
    for (const headers of [
      undefined,
      {},
      { created_at_ms: 'x', ready_at_ms: 'y', key: 7, attempt: -1, first_attempt: 1 },
      { created_at_ms: 1e300, attempt: 1.5 },
      { created_at_ms: 0.5, ready_at_ms: 0.5, first_attempt: 2 },
    ]) {
      const delivery = read({ headers, priority: 9 })
      expect(delivery).to.include({ key: null, attempt: 1, firstAttempt: 1, priority: 0 })
      expect(delivery?.readyAtMs).to.equal(delivery?.createdAtMs)
      expect(delivery?.createdAtMs).to.be.within(before, Date.now())
    }
  })
})
