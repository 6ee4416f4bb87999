import { expect } from 'chai'
import { createSession } from '../../../actors/tenant/session.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import { createMeter } from '../../../src/core/meter.ts'
import type { Broker, BrokerConsumer } from '../../../src/core/ports/broker.ts'
import { eventually } from '../../support/eventually.ts'
import { turn } from '../support/deferred.ts'
import { createDelivery, createLines, tenantId } from '../support/samples.ts'

function setup(deadLetter: Broker['deadLetter'] = async () => {}) {
  const calls: string[] = []
  const troubles: string[] = []
  const meter = createMeter()
  const session = createSession(tenantId, meter, { deadLetter }, (text) => troubles.push(text))
  const consumer: BrokerConsumer = {
    start: async () => {},
    cancel: async () => {},
    close: async () => {},
    ack: ({ tag }) => calls.push(`ack ${tag}`),
    requeue: ({ tag }) => calls.push(`requeue ${tag}`),
  }
  session.bind(consumer)
  return { session, calls, troubles, meter }
}

describe('a session', () => {
  it('counts what is in flight from arrival to acknowledgement', () => {
    const { session, calls, meter } = setup()
    const delivery = createDelivery({ tag: 7, createdAtMs: 1_000 })
    session.receive(delivery)
    expect(session.inFlight).to.equal(1)
    expect(session.mailbox.take()).to.equal(delivery)
    expect(session.inFlight).to.equal(1)
    session.committed(delivery, 1_250)
    expect(session.inFlight).to.equal(0)
    expect(calls).to.deep.equal(['ack 7'])
    expect(meter.latencyMs(0.5, 1_250)).to.be.within(200, 320)
  })

  it('acknowledges a failure only when its copy is in the dead-letter queue, however long that takes', async () => {
    let attempts = 0
    const { session, calls, troubles } = setup(async () => {
      if (++attempts === 1) throw new Error('channel closed')
    })
    const delivery = createDelivery({ tag: 3 })
    session.receive(delivery)
    session.failed(delivery, 'no', Date.now())
    await turn()
    expect(calls).to.deep.equal([])
    expect(session.inFlight).to.equal(1)
    expect(troubles[0]).to.contain('channel closed')
    await eventually(() => calls.length === 1, { timeoutMs: 2_000 })
    expect(calls).to.deep.equal(['ack 3'])
    expect(session.inFlight).to.equal(0)
  })

  it('gives back one delivery, or everything that nobody has begun', () => {
    const { session, calls } = setup()
    const [one, two, three] = [1, 2, 3].map((tag) => createDelivery({ tag }))
    for (const each of [one, two, three]) if (each) session.receive(each)
    const taken = session.mailbox.take()
    session.giveBackAll()
    expect(calls).to.deep.equal(['requeue 2', 'requeue 3'])
    expect(session.inFlight).to.equal(1)
    if (taken) session.giveBack(taken)
    expect(calls.at(-1)).to.equal('requeue 1')
    expect(session.inFlight).to.equal(0)
  })

  it('tells once, when nothing is in flight any more', () => {
    const { session } = setup()
    const told: string[] = []
    session.whenSettled(() => told.push('empty'))
    const [one, two] = [createDelivery(), createDelivery()]
    session.receive(one)
    session.receive(two)
    session.whenSettled(() => told.push('settled'))
    session.committed(one, 0)
    expect(told).to.deep.equal(['empty'])
    session.giveBack(two)
    const again = createDelivery()
    session.receive(again)
    session.committed(again, 0)
    expect(told).to.deep.equal(['empty', 'settled'])
  })

  it('holds and tells nothing once it has ended, and tolerates late settlements', () => {
    const { session } = setup()
    const [one, two] = [createDelivery(), createDelivery()]
    session.receive(one)
    session.receive(two)
    session.mailbox.take()
    session.whenSettled(() => expect.fail('told after the end'))
    session.end()
    session.end()
    expect(session.ended).to.equal(true)
    expect(session.mailbox.take()).to.equal(undefined)
    session.committed(one, 0)
    session.committed(two, 0)
  })
})

describe('createSessions', () => {
  it('ends the earlier session of a tenant, and keeps its meter', () => {
    const sessions = createSessions({ broker: {} as Broker, log: createLines() })
    const first = sessions.open(tenantId)
    const second = sessions.open(tenantId)
    expect(first.ended).to.equal(true)
    expect(second.meter).to.equal(first.meter)
    expect([...sessions.all()]).to.deep.equal([second])
    sessions.close(first)
    expect(sessions.find(tenantId)).to.equal(second)
    sessions.close(second)
    expect(sessions.find(tenantId)).to.equal(undefined)
    expect(sessions.meterOf(tenantId)).to.equal(first.meter)
    sessions.forget(tenantId)
    expect(sessions.meterOf(tenantId)).to.equal(undefined)
  })
})
