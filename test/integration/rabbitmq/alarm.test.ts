/** What only a broker of one's own can show: alarms, forced ends, and what it says about us. */
import { expect } from 'chai'
import { eventually } from '../../support/eventually.ts'
import { type PrivateRabbitmq, startPrivateRabbitmq } from '../../support/services/private-rabbitmq.ts'
import { codeFrom, createFixture, type Fixture, listen, message } from './fixture.ts'

describe('a RabbitMQ of our own', function () {
  this.timeout(120_000)
  let rabbitmq: PrivateRabbitmq
  let fixture: Fixture
  before(async () => {
    rabbitmq = await startPrivateRabbitmq()
  })
  after(() => rabbitmq.stop())
  beforeEach(() => {
    fixture = createFixture(rabbitmq.url)
  })
  afterEach(() => fixture.dispose())

  it('shows the queues with the arguments that keep messages', async () => {
    const tenantId = await fixture.declare()
    const lines = (await rabbitmq.ctl(['list_queues', '--silent', 'name', 'type', 'durable', 'arguments'])).split('\n')
    const queue = lines.find((line) => line.startsWith(`tenant_${tenantId}_queue`))
    for (const part of [
      'quorum\ttrue',
      '"x-delivery-limit",100000',
      '"x-dead-letter-strategy","at-least-once"',
      '"x-overflow","reject-publish"',
      '"x-dead-letter-exchange",[]',
      `"x-dead-letter-routing-key","tenant_${tenantId}_dlq"`,
    ]) {
      expect(queue, queue).to.contain(part)
    }
    expect(lines.find((line) => line.startsWith(`tenant_${tenantId}_dlq`))).to.contain('"x-delivery-limit",100000')
  })

  it('in an alarm: publishes are refused at once, consumers go on; afterwards everything works', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const events = listen(broker)
    await broker.publishBatch(Array.from({ length: 20 }, () => message(tenantId)))
    const { consumer, deliveries } = await fixture.consume(broker, tenantId, { prefetch: 5 })
    await eventually(() => expect(deliveries).to.have.length(5))

    await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.0001'])
    try {
      // The broker says so when it sees the next publish.
      const first = codeFrom(broker.publish(message(tenantId)))
      await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.blocked']))
      const begunAt = Date.now()
      expect(await codeFrom(broker.publish(message(tenantId)))).to.equal('broker.blocked')
      expect(await codeFrom(broker.publishBatch([message(tenantId)]))).to.equal('broker.blocked')
      expect(Date.now() - begunAt).to.be.lessThan(100)

      for (let acked = 0; acked < 20; acked++) {
        consumer.ack(await eventually(() => deliveries[acked] ?? expect.fail(`delivery ${acked + 1} does not come`)))
      }
      const late = await fixture.consume(broker, tenantId)
      await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 0 }))
      await late.consumer.close()
      await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.4'])
      expect(await first).to.equal('it resolved')
    } finally {
      await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.4'])
    }
    await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.blocked', 'broker.unblocked']))
    await broker.publish(message(tenantId))
  })

  it('that is blocked can be left', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const events = listen(broker)
    await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.0001'])
    try {
      const pending = codeFrom(broker.publish(message(tenantId)))
      await eventually(() => expect(events).to.have.length(1))
      await broker.close(100)
      expect(await pending).to.equal('broker.unknown_outcome')
    } finally {
      await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.4'])
    }
  })

  it('that closes all connections is lost once, and serves again after connect', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open()
    const events = listen(broker)
    const { lost } = await fixture.consume(broker, tenantId)
    await rabbitmq.ctl(['close_all_connections', 'the test says so'])
    await eventually(() => expect([events.length, lost.length]).to.deep.equal([1, 1]))
    expect(events[0]).to.include({ type: 'broker.lost' }).and.to.have.property('reason').that.contains('the test says so')
    await broker.connect(AbortSignal.timeout(5_000))
    const again = await fixture.consume(broker, tenantId)
    await broker.publish(message(tenantId))
    await eventually(() => expect(again.deliveries).to.have.length(1))
    expect([events.length, lost.length]).to.deep.equal([1, 1])
  })

  it('counts one channel for each consumer, on as few connections as are allowed, and none after close', async () => {
    const tenantId = await fixture.declare()
    const broker = await fixture.open({ channelsPerConnection: 4 })
    await Promise.all(Array.from({ length: 6 }, () => fixture.consume(broker, tenantId)))
    const connections = async () =>
      (await rabbitmq.ctl(['list_connections', '--silent', 'client_properties', 'channels']))
        .split('\n')
        .filter((line) => line.includes('integration-test consumers'))
        .map((line) => Number(line.split('\t').at(-1)))
        .sort()
    await eventually(async () => expect(await connections()).to.deep.equal([2, 4]))
    await broker.close(1_000)
    await eventually(async () => expect(await connections()).to.deep.equal([]))
  })
})
