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
    expect(lines.find((line) => line.startsWith(`tenant_${tenantId}_dlq`))).to.contain('"x-delivery-limit",1000000000')
  })

  it('in an alarm: publishes are refused or given up, consumers go on; afterwards everything works', async () => {
    const tenantId = await fixture.declare()
    // Nothing here waits for a confirm that long: what is given up is given up because of the alarm.
    const broker = await fixture.open({ confirmTimeoutMs: 60_000 })
    const events = listen(broker)
    await broker.publishBatch(Array.from({ length: 20 }, () => message(tenantId)))
    const { consumer, deliveries } = await fixture.consume(broker, tenantId, { prefetch: 5 })
    await eventually(() => expect(deliveries).to.have.length(5))

    await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.0001'])
    try {
      // The broker says so when it sees the next publish.
      const under = [codeFrom(broker.publish(message(tenantId))), codeFrom(broker.publishBatch([message(tenantId), message(tenantId)]))]
      await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.blocked']))
      expect(await codeFrom(broker.publish(message(tenantId)))).to.equal('broker.blocked')
      expect(await codeFrom(broker.publishBatch([message(tenantId)]))).to.equal('broker.blocked')
      expect(await Promise.all(under)).to.deep.equal(['broker.unknown_outcome', 'broker.unknown_outcome'])

      for (let acked = 0; acked < 20; acked++) {
        consumer.ack(await eventually(() => deliveries[acked] ?? expect.fail(`delivery ${acked + 1} does not come`)))
      }
      const late = await fixture.consume(broker, tenantId)
      await eventually(async () => expect(await broker.depth(tenantId)).to.include({ ready: 0 }))
      await late.consumer.close()
      await broker.declareTenant(tenantId)
      const letters = await broker.openDeadLetters(tenantId, { onDeadLetter: async () => {}, onLost: () => {} })
      await letters.close()
    } finally {
      await rabbitmq.ctl(['set_vm_memory_high_watermark', '0.4'])
    }
    await eventually(() => expect(events.map((event) => event.type)).to.deep.equal(['broker.blocked', 'broker.unblocked']))
    await broker.publish(message(tenantId))
    // What nobody knew has arrived: it was on its way.
    for (let acked = 20; acked < 24; acked++) {
      consumer.ack(await eventually(() => deliveries[acked] ?? expect.fail(`delivery ${acked + 1} does not come`)))
    }
  })

  it('that limits the queues of two tenants refuses what does not fit, and nobody else notices', async () => {
    const [quorum, classic, other] = [await fixture.declare(), await fixture.declare({ queueType: 'classic' }), await fixture.declare()]
    const broker = await fixture.open()
    const events = listen(broker)
    const limit = JSON.stringify({ 'max-length': 5, overflow: 'reject-publish' })
    await rabbitmq.ctl(['set_policy', 'limit', `^tenant_(${quorum}|${classic})_queue$`, limit, '--apply-to', 'queues'])
    for (const full of [quorum, classic]) {
      let accepted = 0
      await eventually(async () => {
        const refusal = await broker.publish(message(full)).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (refusal === undefined) accepted++
        expect(refusal).to.include({ code: 'broker.refused', retryable: true })
      })
      expect(await codeFrom(broker.publishBatch([message(full), message(full)]))).to.equal('broker.refused')
      for (let sent = 0; sent < 20; sent++) await broker.publish(message(other))

      const { consumer, deliveries } = await fixture.consume(broker, full)
      await eventually(() => expect(deliveries).to.have.length(accepted))
      for (const delivery of deliveries) consumer.ack(delivery)
      await eventually(() => broker.publish(message(full)))
    }
    await eventually(async () => expect(await broker.depth(other)).to.include({ ready: 40 }))
    expect(events).to.be.empty
  })

  it('shares one channel among the readers of many dead-letter queues', async () => {
    const tenants = await Promise.all(Array.from({ length: 12 }, () => fixture.declare()))
    const broker = await fixture.open()
    await Promise.all(tenants.map((tenantId) => broker.openDeadLetters(tenantId, { onDeadLetter: async () => {}, onLost: () => {} })))
    const lines = (await rabbitmq.ctl(['list_consumers', '--silent', 'channel_pid', 'consumer_tag', 'prefetch_count'])).split('\n')
    const readers = lines.filter((line) => line.includes('dead-letters-')).map((line) => line.split('\t'))
    expect(readers).to.have.length(12)
    expect(new Set(readers.map(([channel]) => channel)).size).to.equal(1)
    expect(new Set(readers.map(([, , prefetch]) => prefetch))).to.deep.equal(new Set(['10']))
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
