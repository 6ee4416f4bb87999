/** What RabbitMQ puts aside, by which reason, and what becomes of its readers when connections and channels break. */
import { randomUUID } from 'node:crypto'
import type { Channel } from 'amqplib'
import { expect } from 'chai'
import { type TenantId, tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import type { Broker, DeadLetter, DeadLetterConsumer } from '../../../src/core/ports/broker.ts'
import { eventually } from '../../support/eventually.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import { codeFrom, createFixture, type Fixture, listen, message, testUrl } from './fixture.ts'

interface Letters {
  readonly consumer: DeadLetterConsumer
  readonly received: DeadLetter[]
  readonly lost: string[]
}

describe('dead letters on RabbitMQ', () => {
  let fixture: Fixture
  let raw: Channel
  beforeEach(async () => {
    fixture = createFixture()
    raw = await fixture.raw()
  })
  afterEach(() => fixture.dispose())

  async function collect(broker: Broker, tenantId: TenantId, store?: () => Promise<void>): Promise<Letters> {
    const received: DeadLetter[] = []
    const lost: string[] = []
    const consumer = await broker.openDeadLetters(tenantId, {
      onDeadLetter: async (letter) => {
        received.push(letter)
        await store?.()
      },
      onLost: (reason) => lost.push(reason),
    })
    return { consumer, received, lost }
  }

  const putByHand = (tenantId: TenantId, headers: object = {}): void => {
    raw.sendToQueue(tenantDeadLetterQueueName(tenantId), Buffer.from('by hand'), { persistent: true, headers })
  }

  const textOf = (letter: DeadLetter): string => Buffer.from(letter.body).toString()
  const first = (received: readonly DeadLetter[]) => eventually(() => received[0] ?? expect.fail('no dead letter'))

  it('keep everything of a message that was delivered too often', async () => {
    const tenantId = await fixture.declare({ deliveryLimit: 3 })
    const broker = await fixture.open()
    const sent = message(tenantId, { type: 'order.created', key: 'k', priority: 2, attempt: 3, body: '{"ü": "\\u0000"}' })
    const { received } = await collect(broker, tenantId)
    const { consumer, deliveries } = await fixture.consume(broker, tenantId)
    await broker.publish(sent)
    await eventually(() => {
      for (const delivery of deliveries.splice(0)) consumer.requeue(delivery)
      expect(received).to.have.length(1)
    })
    const letter = await first(received)
    const { id, type, priority, key, createdAtMs, attempt } = sent
    expect(letter).to.include({ tenantId, id, type, priority, key, createdAtMs, attempt, reason: 'delivery_limit' })
    expect(textOf(letter)).to.equal(sent.body)
  })

  const foreign = [
    { name: 'without an id', options: { type: 'test' }, content: Buffer.from('{}'), detail: 'it has no message_id' },
    {
      name: 'with a foreign id',
      options: { type: 'test', messageId: '17' },
      content: Buffer.from('{}'),
      detail: 'its message_id is not a UUID',
    },
    { name: 'without a type', options: { messageId: randomUUID() }, content: Buffer.from('{}'), detail: 'it has no type' },
    {
      name: 'with bytes that are not UTF-8',
      options: { messageId: randomUUID(), type: 'test', priority: 1, headers: { key: 'k', attempt: 4 } },
      content: Buffer.from([0x00, 0xff, 0xfe, 0x80]),
      detail: 'its body is not UTF-8',
    },
  ]
  for (const queueType of ['quorum', 'classic'] as const) {
    for (const { name, options, content, detail } of foreign) {
      it(`say what is wrong with a message ${name} (${queueType})`, async () => {
        const tenantId = await fixture.declare({ queueType })
        const broker = await fixture.open()
        const { received } = await collect(broker, tenantId)
        await fixture.consume(broker, tenantId)
        raw.sendToQueue(tenantQueueName(tenantId), content, { persistent: true, ...options })
        const letter = await first(received)
        expect(letter).to.include({ id: options.messageId === '17' ? undefined : options.messageId, type: options.type })
        expect(letter).to.include({ reason: 'undecodable', detail })
        expect(letter).to.include({ key: options.headers?.key ?? null, attempt: options.headers?.attempt ?? 1 })
        expect(content.equals(letter.body)).to.equal(true)
      })
    }

    it(`name what waited too long, and what was put there by hand (${queueType})`, async () => {
      const tenantId = await fixture.declare({ queueType })
      const broker = await fixture.open()
      const { received } = await collect(broker, tenantId)
      raw.sendToQueue(tenantQueueName(tenantId), Buffer.from('late'), { persistent: true, expiration: 1 })
      putByHand(tenantId)
      putByHand(tenantId, { reason: 'an earlier\nversion gave it up', 'x-death': 'nonsense' })
      await eventually(() => expect(received).to.have.length(3))
      expect(received.map(({ reason, detail }) => `${reason}: ${detail}`)).to.have.members([
        'expired: it waited longer in its queue than it may',
        'unknown: RabbitMQ names no reason',
        'unknown: an earlier version gave it up',
      ])
    })
  }

  it('tell each reader once when the connection breaks, come again, and are received by those who open anew', async () => {
    await using proxy = await startTcpProxy(testUrl)
    const tenants = [await fixture.declare(), await fixture.declare(), await fixture.declare()]
    const broker = await fixture.open({ url: proxy.url })
    const events = listen(broker)
    const never = new Promise<void>(() => {})
    const letters = await Promise.all(tenants.map((tenantId) => collect(broker, tenantId, () => never)))
    for (const tenantId of tenants) putByHand(tenantId)
    await eventually(() => expect(letters.map(({ received }) => received.length)).to.deep.equal([1, 1, 1]))
    const readers = proxy.connections.filter((connection) => connection.hello.includes('integration-test consumers'))
    expect(readers).to.have.length(1)
    for (const connection of readers) connection.cut()
    await eventually(() => expect(letters.map(({ lost }) => lost.length)).to.deep.equal([1, 1, 1]))
    const again = await Promise.all(tenants.map((tenantId) => collect(broker, tenantId)))
    await eventually(() => expect(again.map(({ received }) => received.map(textOf))).to.deep.equal(tenants.map(() => ['by hand'])))
    expect(again.flatMap(({ received }) => received.map((letter) => letter.redelivered))).to.deep.equal([true, true, true])
    for (const { consumer, lost } of letters) {
      await consumer.close()
      expect(lost).to.have.length(1)
    }
    expect(events).to.be.empty
  })

  it('tell each reader once when the broker closes the channel that they share', async () => {
    const tenants = [await fixture.declare({ queueType: 'classic' }), await fixture.declare({ queueType: 'classic' })]
    const taken = await fixture.declare({ queueType: 'classic' })
    const broker = await fixture.open()
    const letters = await Promise.all(tenants.map((tenantId) => collect(broker, tenantId)))
    // Somebody else's exclusive consumer: the broker refuses ours by closing its channel.
    const { consumerTag } = await raw.consume(tenantDeadLetterQueueName(taken), () => {}, { exclusive: true })
    expect(await codeFrom(collect(broker, taken))).to.equal('broker.unavailable')
    await eventually(() => expect(letters.map(({ lost }) => lost.length)).to.deep.equal([1, 1]))
    expect(letters[0]?.lost[0]).to.contain('ACCESS_REFUSED')
    await raw.cancel(consumerTag)
    const again = await Promise.all([...tenants, taken].map((tenantId) => collect(broker, tenantId)))
    for (const tenantId of [...tenants, taken]) putByHand(tenantId)
    await eventually(() => expect(again.map(({ received }) => received.length)).to.deep.equal([1, 1, 1]))
    for (const { consumer } of [...letters, ...again]) await consumer.close()
    expect(letters.map(({ lost }) => lost.length)).to.deep.equal([1, 1])
    expect(again.flatMap(({ lost }) => lost)).to.be.empty
  })

  it('are opened or refused, and lost once, when the connection breaks while they are being opened', async () => {
    await using proxy = await startTcpProxy(testUrl)
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url: proxy.url })
    proxy.delay(5)
    for (let round = 0; round < 8; round++) {
      const opening = Promise.allSettled(Array.from({ length: 10 }, () => collect(broker, tenantId)))
      const cutting = setInterval(() => {
        for (const connection of proxy.connections) if (!connection.hello.includes(' publisher')) connection.cut()
      }, 7 * round)
      const results = await opening
      clearInterval(cutting)
      for (const connection of proxy.connections) if (!connection.hello.includes(' publisher')) connection.cut()
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).to.include({ code: 'broker.unavailable' })
        else await eventually(() => expect(result.value.lost).to.have.length(1))
      }
    }
    proxy.delay(0)
    const { received } = await eventually(() => collect(broker, tenantId))
    putByHand(tenantId)
    await first(received)
  })

  it('leave no connection behind when the broker is closed while they are being opened', async () => {
    await using proxy = await startTcpProxy(testUrl)
    const tenantId = await fixture.declare()
    proxy.delay(5)
    for (let round = 0; round < 5; round++) {
      const broker = await fixture.open({ url: proxy.url })
      const opening = codeFrom(collect(broker, tenantId))
      for (let turns = 0; turns < round; turns++) await broker.depth(tenantId)
      await broker.close(1_000)
      expect(await opening).to.be.oneOf(['it resolved', 'broker.unavailable'])
      expect(await codeFrom(collect(broker, tenantId))).to.equal('broker.unavailable')
    }
    await eventually(() => expect(proxy.connections).to.be.empty)
  })

  it('are given back by a broker that is closed while nothing passes any more', async () => {
    await using proxy = await startTcpProxy(testUrl)
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url: proxy.url })
    const { received, lost } = await collect(broker, tenantId, () => new Promise<void>(() => {}))
    putByHand(tenantId)
    await first(received)
    proxy.freeze()
    await broker.close(300)
    expect(lost).to.be.empty
    proxy.thaw()
    const again = await collect(await fixture.open(), tenantId)
    expect(await first(again.received)).to.include({ redelivered: true })
  })
})
