/** What is said and done when connections break. */
import { expect } from 'chai'
import type { RabbitmqOptions } from '../../../src/broker/rabbitmq/index.ts'
import { eventually } from '../../support/eventually.ts'
import { countIntervals } from '../../support/intervals.ts'
import { type ProxiedConnection, startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { codeFrom, createFixture, type Fixture, listen, message, testUrl } from './fixture.ts'

describe('losing RabbitMQ', () => {
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

  const named = (name: string): readonly ProxiedConnection[] =>
    proxy.connections.filter((connection) => connection.hello.includes(`integration-test ${name}`))

  async function attached(options: Partial<RabbitmqOptions> = {}) {
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url: proxy.url, ...options })
    const events = listen(broker)
    const inboxes = await Promise.all([1, 2, 3].map(() => fixture.consume(broker, tenantId)))
    const losses = () => inboxes.map((inbox) => inbox.lost.length)
    return { tenantId, broker, events, inboxes, losses }
  }

  it('is told once to the owner and once to each consumer; everything works again after connect', async () => {
    const { tenantId, broker, events, inboxes, losses } = await attached()
    proxy.delay(50)
    const pending = Array.from({ length: 20 }, () => codeFrom(broker.publish(message(tenantId))))
    proxy.cut()
    expect(await Promise.all(pending)).to.deep.equal(Array(20).fill('broker.unknown_outcome'))
    await eventually(() => expect(losses()).to.deep.equal([1, 1, 1]))
    await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.lost']))
    expect(await codeFrom(broker.publish(message(tenantId)))).to.equal('broker.unavailable')
    expect(await codeFrom(broker.depth(tenantId))).to.equal('broker.unavailable')

    proxy.delay(0)
    await broker.connect(AbortSignal.timeout(5_000))
    const again = await fixture.consume(broker, tenantId)
    await broker.publish(message(tenantId))
    await eventually(() => expect(again.deliveries).to.not.be.empty)
    for (const { consumer } of inboxes) {
      await consumer.cancel()
      await consumer.close()
    }
    expect(losses()).to.deep.equal([1, 1, 1])
    expect(events).to.have.length(1)
  })

  it("of a consumers' connection alone leaves the publisher, and later consumers get a new one", async () => {
    const { tenantId, broker, events, inboxes, losses } = await attached()
    for (const connection of named('consumers')) connection.cut()
    await eventually(() => expect(losses()).to.deep.equal([1, 1, 1]))
    await broker.publish(message(tenantId))
    const again = await fixture.consume(broker, tenantId)
    const delivery = await eventually(() => again.deliveries[0] ?? expect.fail('nothing delivered'))
    again.consumer.ack(delivery)
    // Settling at a consumer that is gone does nothing.
    inboxes[0]?.consumer.ack(delivery)
    inboxes[0]?.consumer.requeue(delivery)
    expect(events).to.be.empty
  })

  it('of the publishing connection alone leaves the consumers', async () => {
    const { tenantId, broker, events, inboxes, losses } = await attached()
    for (const connection of named('publisher')) connection.cut()
    await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.lost']))
    await broker.connect(AbortSignal.timeout(5_000))
    await broker.publish(message(tenantId))
    await eventually(() => expect(inboxes.flatMap((inbox) => inbox.deliveries)).to.have.length(1))
    expect(losses()).to.deep.equal([0, 0, 0])
  })

  it('of the connection for queues alone is not noticed', async () => {
    const { tenantId, broker, events } = await attached()
    for (const connection of named('admin')) connection.cut()
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ dlq: 0 }))
    expect(events).to.be.empty
  })

  it('is noticed by heartbeats within three of their intervals when nothing passes any more', async () => {
    const { tenantId, broker, events, losses } = await attached({ heartbeatSeconds: 1 })
    proxy.freeze()
    using intervals = countIntervals(1_000)
    const pending = codeFrom(broker.publish(message(tenantId)))
    await eventually(() => expect([events.length, ...losses()]).to.deep.equal([1, 1, 1, 1]))
    expect(intervals.passed()).to.be.at.most(3)
    expect(await pending).to.equal('broker.unknown_outcome')
    proxy.thaw()
    await broker.connect(AbortSignal.timeout(5_000))
    await broker.publish(message(tenantId))
  })

  it('closes within its deadline, and drops its sockets, when nothing passes any more', async () => {
    const { tenantId, broker, losses } = await attached()
    proxy.freeze()
    const pending = codeFrom(broker.publish(message(tenantId)))
    using intervals = countIntervals(100)
    await broker.close(300)
    expect(intervals.passed()).to.be.at.most(35)
    expect(await pending).to.equal('broker.unknown_outcome')
    expect(losses()).to.deep.equal([0, 0, 0])
    proxy.thaw()
    await eventually(() => expect(proxy.connections).to.be.empty)
  })

  it('does not hang a connect that is cancelled, closed or meets a silent server', async () => {
    const broker = await fixture.open({ url: proxy.url })
    await broker.close(1_000)
    proxy.freeze()
    expect(await codeFrom(broker.connect(AbortSignal.timeout(100)))).to.equal('broker.unavailable')
    const connecting = codeFrom(broker.connect(new AbortController().signal))
    await broker.close(1_000)
    expect(await connecting).to.equal('broker.unavailable')
    expect(await codeFrom(broker.depth('0' as never))).to.equal('broker.unavailable')
    proxy.thaw()
    await Promise.all([broker.connect(AbortSignal.timeout(5_000)), broker.connect(AbortSignal.timeout(5_000))])
    expect(named('publisher')).to.have.length(1)
  })
})
