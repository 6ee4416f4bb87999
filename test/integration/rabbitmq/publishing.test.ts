/** Publishing when the answer is bad, late or never comes. */
import { expect } from 'chai'
import { tenantQueueName } from '../../../src/core/ids.ts'
import { readConfirmed } from '../../../src/core/publish-batch.ts'
import { eventually } from '../../support/eventually.ts'
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { codeFrom, createFixture, type Fixture, listen, message, testUrl } from './fixture.ts'

describe('publishing on RabbitMQ', () => {
  let fixture: Fixture
  let proxy: TcpProxy
  beforeEach(async () => {
    fixture = createFixture()
    proxy = await startTcpProxy(testUrl)
  })
  afterEach(async () => {
    await fixture.dispose()
    await proxy[Symbol.asyncDispose]()
  })

  it('tells returned messages from delivered ones that are on their way at the same time', async () => {
    const tenantId = await fixture.declare()
    const missing = '00000000-0000-7000-8000-000000000000' as typeof tenantId
    const broker = await fixture.open()
    const codes = await Promise.all(
      Array.from({ length: 200 }, (_, index) => codeFrom(broker.publish(message(index % 2 ? missing : tenantId)))),
    )
    expect(codes).to.deep.equal(codes.map((_, index) => (index % 2 ? 'queue.missing' : 'it resolved')))
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 100 }))
  })

  it('does not know the outcome when no confirm comes in time, and has the window back', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url: proxy.url, confirmTimeoutMs: 300, maxInFlight: 5 })
    let sent = 0
    const publish = async (): Promise<string> => {
      const code = await codeFrom(broker.publish(message(tenantId)))
      if (code !== 'broker.window_full') sent++
      return code
    }
    // A busy machine may need longer than that for a confirm.
    const publishConfirmed = () => eventually(async () => expect(await publish()).to.equal('it resolved'))
    await publishConfirmed()
    proxy.freeze()
    const sending = Array.from({ length: 7 }, publish)
    expect((await Promise.all(sending)).sort()).to.deep.equal([
      ...Array(5).fill('broker.unknown_outcome'),
      ...Array(2).fill('broker.window_full'),
    ])
    proxy.thaw()
    await publishConfirmed()
    // A late confirm settles nothing twice: what was unknown has arrived.
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: sent }))
  })

  it('bounds what is on its way by messages of the tenant and by bytes of the node', async () => {
    const [a, b] = [await fixture.declare(), await fixture.declare()]
    const broker = await fixture.open({ maxInFlightPerTenant: 2, maxInFlightBytes: 1_000 })
    const large = { body: JSON.stringify('x'.repeat(598)) }
    const codes = await Promise.all([
      ...[a, a, a, b].map((tenantId) => codeFrom(broker.publish(message(tenantId)))),
      ...[b, b].map((tenantId) => codeFrom(broker.publish(message(tenantId, large)))),
    ])
    expect(codes).to.deep.equal(['it resolved', 'it resolved', 'broker.window_full', 'it resolved', 'it resolved', 'broker.window_full'])
    await broker.publish(message(b, large))
  })

  it('refuses what AMQP cannot carry, and goes on', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const events = listen(broker)
    expect(await codeFrom(broker.publish(message(tenantId, { type: 'ü'.repeat(128) })))).to.equal('broker.refused')
    expect(await codeFrom(broker.publish(message(tenantId, { key: 'k'.repeat(70_000) })))).to.equal('broker.refused')
    const batch = [message(tenantId), message(tenantId, { type: 'x'.repeat(256) }), message(tenantId)]
    const error: unknown = await broker.publishBatch(batch).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'broker.unknown_outcome', retryable: false })
    expect([...readConfirmed(error)]).to.have.members([batch[0]?.id, batch[2]?.id])
    expect(await codeFrom(broker.publishBatch(batch.slice(1, 2)))).to.equal('broker.refused')
    await broker.publish(message(tenantId))
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 3 }))
    expect(events).to.be.empty
  })

  for (const how of ['at once', 'in parts']) {
    it(`names what is stored of a batch for which a queue has no room (${how})`, async () => {
      const options = how === 'in parts' ? { patience: AbortSignal.timeout(60_000) } : {}
      const tenantId = await fixture.declare()
      const raw = await fixture.raw()
      await raw.deleteQueue(tenantQueueName(tenantId))
      const limit = { 'x-queue-type': 'classic', 'x-max-length': 10, 'x-overflow': 'reject-publish' }
      await raw.assertQueue(tenantQueueName(tenantId), { durable: true, arguments: limit })
      const broker = await fixture.open({ maxInFlightPerTenant: 28 })
      const batch = Array.from({ length: 20 }, () => message(tenantId))
      const error: unknown = await broker.publishBatch(batch, options).catch((thrown: unknown) => thrown)
      expect(error).to.include({ code: 'broker.unknown_outcome', retryable: true })
      const stored = readConfirmed(error)
      const { consumer, deliveries } = await fixture.consume(broker, tenantId)
      await eventually(() => expect(deliveries).to.have.length(stored.size))
      expect(deliveries.map(({ id }) => id)).to.have.members([...stored])
      expect(stored.size).to.be.within(1, 19)
      // Who repeats with the others has each once.
      for (const delivery of deliveries) consumer.ack(delivery)
      const others = batch.filter(({ id }) => !stored.has(id))
      for (const other of others) {
        await eventually(() => broker.publish(other))
        await eventually(() => expect(deliveries.map(({ id }) => id)).to.include(other.id))
        for (const delivery of deliveries.slice(-1)) consumer.ack(delivery)
      }
      expect(new Set(deliveries.map(({ id }) => id)).size).to.equal(20)
    })
  }

  it('carries bodies of any number of frames', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const bodies = [0, 1_500, 2_100, 131_072 - 8, 131_072, 262_144 - 8, 1_000_000].map((length) => 'x'.repeat(length))
    for (const body of bodies) await broker.publish(message(tenantId, { body }))
    const { deliveries } = await fixture.consume(broker, tenantId)
    await eventually(() => expect(deliveries).to.have.length(bodies.length))
    expect(deliveries.map((delivery) => delivery.text())).to.deep.equal(bodies)
  })
})
