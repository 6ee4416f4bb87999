import type { ConsumeMessage, Options } from 'amqplib'
import { expect } from 'chai'
import fc from 'fast-check'
import { readDelivery, toDeadLetterOptions, toPublishOptions } from '../../../../src/broker/rabbitmq/properties.ts'
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
  attempt: 3,
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
      attempt: fc.integer({ min: 1, max: 32_767 }),
      body: fc.json(),
    })
    fc.assert(
      fc.property(messages, (fields) => {
        const message: OutboundMessage = { tenantId, ...fields, id: fields.id as MessageId }
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

  it('travel to the dead-letter queue with the reason, cut at 2,000 characters', () => {
    const delivery = read({}) ?? expect.fail('not read')
    const options = toDeadLetterOptions(delivery, 'x'.repeat(3_000), '7')
    expect(options).to.deep.include({ messageId: sent.id, type: sent.type, correlationId: '7' })
    expect(options.headers).to.deep.equal({ created_at_ms: sent.createdAtMs, key: 'k', attempt: 3, reason: 'x'.repeat(2_000) })
  })

  const foreign: readonly { name: string; changes?: Partial<Options.Publish>; content?: Buffer }[] = [
    { name: 'no id', changes: { messageId: undefined } },
    { name: 'an id that is not a UUID', changes: { messageId: '17' } },
    { name: 'no type', changes: { type: undefined } },
    { name: 'an empty type', changes: { type: '' } },
    { name: 'a type that AMQP cannot carry back', changes: { type: '\ufffd'.repeat(100) } },
    { name: 'a body that is not UTF-8', content: Buffer.from([0x22, 0xff, 0xfe, 0x22]) },
  ]
  for (const { name, changes = {}, content } of foreign) {
    it(`with ${name} are not ours`, () => {
      expect(read(changes, content ?? '{}')).to.equal(undefined)
    })
  }

  it('that are optional have a default when they are absent or odd', () => {
    const before = Date.now()
    for (const headers of [
      undefined,
      {},
      { created_at_ms: 'x', key: 7, attempt: -1 },
      { created_at_ms: 1e300, attempt: 1.5 },
      { created_at_ms: 0.5 },
    ]) {
      const delivery = read({ headers, priority: 9 })
      expect(delivery).to.include({ key: null, attempt: 1, priority: 0 })
      expect(delivery?.createdAtMs).to.be.within(before, Date.now())
    }
  })
})
