/** The consumer's life in the order that a network gives it. */
import { expect } from 'chai'
import { eventually } from '../../support/eventually.ts'
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { codeFrom, createFixture, type Fixture, message, testUrl } from './fixture.ts'

describe('a consumer on RabbitMQ', () => {
  let fixture: Fixture
  let proxy: TcpProxy
  let url: string
  beforeEach(async () => {
    fixture = createFixture()
    proxy = await startTcpProxy(testUrl)
    url = proxy.url
  })
  afterEach(async () => {
    await fixture.dispose()
    await proxy[Symbol.asyncDispose]()
  })

  it('receives what is on its way while it is cancelled', async () => {
    const tenantId = await fixture.declare()
    const near = await fixture.open()
    const { consumer, deliveries } = await fixture.consume(await fixture.open({ url }), tenantId)
    proxy.freeze()
    await near.publish(message(tenantId))
    await eventually(async () => expect(await near.depth(tenantId)).to.include({ ready: 0 }))
    expect(deliveries).to.be.empty
    const cancelling = consumer.cancel()
    proxy.thaw()
    await cancelling
    expect(deliveries).to.have.length(1)
    for (const delivery of deliveries) consumer.ack(delivery)
    await consumer.close()
    expect(await near.depth(tenantId)).to.include({ ready: 0 })
  })

  it('starts again at once after a cancel that nobody waited for', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const { consumer, deliveries, lost } = await fixture.consume(broker, tenantId)
    await Promise.all([consumer.cancel(), consumer.start(), consumer.cancel(), consumer.start()])
    await broker.publish(message(tenantId))
    await eventually(() => expect(deliveries).to.have.length(1))
    expect(lost).to.be.empty
  })

  it('can be closed when start has failed, and has told its loss once', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const { consumer, lost } = await fixture.consume(broker, tenantId, { start: false })
    await (await fixture.open()).deleteTenant(tenantId)
    expect(await codeFrom(consumer.start())).to.equal('queue.missing')
    expect(lost).to.have.length(1)
    expect(await codeFrom(consumer.start())).to.equal('broker.unavailable')
    await consumer.cancel()
    await consumer.close()
    await consumer.close()
    expect(lost).to.have.length(1)
  })

  it('can be closed while it starts', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url })
    const { consumer, deliveries, lost } = await fixture.consume(broker, tenantId, { start: false })
    await broker.publish(message(tenantId))
    proxy.delay(50)
    const starting = codeFrom(consumer.start())
    await consumer.close()
    expect(await starting).to.be.oneOf(['it resolved', 'broker.unavailable'])
    expect([...deliveries, ...lost]).to.be.empty
    await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 1 }))
  })

  it('spreads over connections, a channel each, and gives the room back', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ url, channelsPerConnection: 3 })
    const mine = () => proxy.connections.filter((connection) => connection.hello.includes(' consumers '))
    const openMany = (count: number) => Promise.all(Array.from({ length: count }, () => fixture.consume(broker, tenantId)))
    const inboxes = await openMany(7)
    expect(mine()).to.have.length(3)
    await Promise.all(inboxes.map(({ consumer }) => consumer.close()))
    await openMany(9)
    expect(mine()).to.have.length(3)
    // Failures give their room back too.
    for (let tries = 0; tries < 5; tries++) {
      expect(await codeFrom(fixture.consume(broker, 'no-such-tenant' as typeof tenantId))).to.equal('queue.missing')
    }
    await openMany(1)
    expect(mine()).to.have.length(4)
    await openMany(2)
    expect(mine()).to.have.length(4)
  })

  it("opens more connections when the broker's channel limit is lower than ours", async () => {
    const tenantId = await fixture.declare()
    const limited = new URL(url)
    limited.searchParams.set('channelMax', '4')
    const broker = await fixture.open({ url: limited.href })
    const inboxes = await Promise.all(Array.from({ length: 10 }, () => fixture.consume(broker, tenantId)))
    expect(inboxes.flatMap((inbox) => inbox.lost)).to.be.empty
    expect(proxy.connections.filter((connection) => connection.hello.includes(' consumers '))).to.have.length(3)
  })
})
