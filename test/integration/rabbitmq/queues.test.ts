/** What ends in the dead-letter queue, and how queues are declared. */
import { randomUUID } from 'node:crypto'
import type { Channel, GetMessage, Options } from 'amqplib'
import { expect } from 'chai'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { createFixture, type Fixture, message } from './fixture.ts'

describe('the queues of a tenant on RabbitMQ', () => {
  let fixture: Fixture
  let raw: Channel
  beforeEach(async () => {
    fixture = createFixture()
    raw = await fixture.raw()
  })
  afterEach(() => fixture.dispose())

  const taken = (queue: string): Promise<GetMessage> =>
    eventually(async () => {
      const got = await raw.get(queue, { noAck: true })
      return got || expect.fail('nothing there')
    })

  const foreign: readonly { name: string; content: Buffer; options?: Options.Publish }[] = [
    { name: 'no properties', content: Buffer.from('hello') },
    { name: 'no body', content: Buffer.alloc(0) },
    {
      name: 'a body that is not UTF-8',
      content: Buffer.from([0x00, 0xff, 0xfe, 0x80]),
      options: { messageId: randomUUID(), type: 'test', headers: { key: 'k' } },
    },
  ]
  for (const queueType of ['quorum', 'classic'] as const) {
    for (const { name, content, options = {} } of foreign) {
      it(`move a message with ${name} to the dead-letter queue as it is, and go on (${queueType})`, async () => {
        const tenantId = await fixture.declare({ queueType })
        const broker = await fixture.open()
        raw.sendToQueue(tenantQueueName(tenantId), content, { persistent: true, ...options })
        const { consumer, deliveries } = await fixture.consume(broker, tenantId)
        const dead = await taken(tenantDeadLetterQueueName(tenantId))
        expect(dead.content.equals(content)).to.equal(true)
        expect(dead.properties).to.include({ messageId: options.messageId, type: options.type, deliveryMode: 2 })
        await broker.publish(message(tenantId))
        await eventually(() => expect(deliveries.map((delivery) => delivery.tag)).to.deep.equal([2]))
        for (const delivery of deliveries) consumer.ack(delivery)
        await consumer.close()
        expect(await raw.checkQueue(tenantQueueName(tenantId))).to.include({ messageCount: 0 })
      })
    }
  }

  it('deliver a message again more often than the 20 times that RabbitMQ 4 allows by itself', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const { consumer, deliveries } = await fixture.consume(broker, tenantId)
    await broker.publish(message(tenantId))
    for (let count = 1; count <= 30; count++) {
      await eventually(() => expect(deliveries).to.have.length(count))
      const last = deliveries.at(-1) ?? expect.fail('nothing delivered')
      if (count < 30) consumer.requeue(last)
      else consumer.ack(last)
    }
    await consumer.close()
    expect(await broker.depth(tenantId)).to.include({ ready: 0, dlq: 0 })
  })

  it('serve as they are when they were made with other arguments', async () => {
    const tenantId = await fixture.declare({ queueType: 'classic' })
    const broker = await fixture.open({ queueType: 'quorum' })
    await broker.declareTenant(tenantId)
    await broker.publish(message(tenantId))
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 1 }))
  })
})
