import { existsSync } from 'node:fs'
import { connect } from 'amqplib'
import { expect } from 'chai'
import { type PrivateRabbitmq, startPrivateRabbitmq } from '../../support/services/private-rabbitmq.ts'
import { findRabbitmqScripts } from '../../support/services/rabbitmq-binary.ts'

import { probeRabbitmq } from '../../support/services/rabbitmq-probe.ts'

describe('startPrivateRabbitmq', function () {
  this.timeout(120_000)
  let broker: PrivateRabbitmq
  before(async () => {
    broker = await startPrivateRabbitmq()
  })
  after(() => broker.stop())

  const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

  it('answers rabbitmqctl', async () => {
    expect(await broker.ctl(['eval', '1 + 1.'])).to.contain('2')
  })

  it('keeps durable messages and its port when it is killed and restarted', async () => {
    const connection = await connect(broker.url)
    connection.on('error', () => {})
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    // RabbitMQ 3.10 loses a quorum queue when it is killed within a second of the declaration.
    await channel.assertQueue('kept', { durable: true, arguments: { 'x-queue-type': 'classic' } })
    channel.sendToQueue('kept', Buffer.from('x'), { persistent: true })
    await channel.waitForConfirms()
    // RabbitMQ confirms a declaration before its own log of it is on the disk.
    expect(await broker.ctl(['eval', 'mnesia:sync_log().'])).to.contain('ok')
    const { pid, url } = broker

    await broker.kill()
    expect(isAlive(pid)).to.equal(false)
    expect(await probeRabbitmq(url, 1000)).to.be.a('string')

    await broker.restart()
    expect(broker.url).to.equal(url)
    expect(broker.pid).not.to.equal(pid)
    const again = await connect(url)
    expect(await (await again.createChannel()).get('kept')).to.have.property('content')
    await again.close()
  })

  it('leaves no process, and tolerates a second stop', async () => {
    const { pid } = broker
    await broker.stop()
    await broker.stop()
    expect(isAlive(pid)).to.equal(false)
    expect(() => process.kill(-pid, 0)).to.throw('ESRCH')
  })
})

describe('findRabbitmqScripts', () => {
  it('finds the scripts of RabbitMQ, not a wrapper that changes the user', () => {
    expect(findRabbitmqScripts()?.server)
      .to.be.a('string')
      .and.not.to.match(/^\/usr\/s?bin\//)
  })
})
