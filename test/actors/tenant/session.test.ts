import { expect } from 'chai'
import { createSession } from '../../../actors/tenant/session.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import { createMeter } from '../../../src/core/meter.ts'
import type { BrokerConsumer } from '../../../src/core/ports/broker.ts'
import { createDelivery, tenantId } from '../support/samples.ts'

function setup(retryShare = 1) {
  const calls: string[] = []
  const meter = createMeter()
  const session = createSession(tenantId, meter, retryShare)
  const consumer: BrokerConsumer = {
    start: async () => {},
    cancel: async () => {},
    close: async () => {},
    ack: ({ tag }) => calls.push(`ack ${tag}`),
    requeue: ({ tag }) => calls.push(`requeue ${tag}`),
  }
  session.bind(consumer)
  return { session, calls, meter }
}

const messageId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0009' as MessageId

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

  it('knows a message from its arrival until its outcome is recorded, wherever it is meanwhile', () => {
    const { session } = setup()
    const delivery = createDelivery()
    session.receive(delivery)
    session.receive(createDelivery({ id: messageId }))
    session.take()
    session.runs(delivery, 1)
    session.onDeadline(delivery, 5_000)
    session.ranOut(delivery)
    expect([session.holds(delivery.id), session.holds(messageId), session.deadlineOf(delivery)]).to.deep.equal([true, true, 5_000])
    session.committed(delivery, Date.now())
    expect([session.holds(delivery.id), session.holds(messageId)]).to.deep.equal([false, true])
  })

  it('measures from when the message was ready, not from when it was created', () => {
    const { session, meter } = setup()
    const delivery = createDelivery({ attempt: 3, createdAtMs: 1_000, readyAtMs: 900_000 })
    session.receive(delivery)
    session.committed(delivery, 900_250)
    expect(meter.latencyMs(0.5, 900_250)).to.be.within(200, 320)
  })

  it('gives retries their share of the turns, and no more, while new messages wait', () => {
    const { session } = setup(0.25)
    for (let each = 0; each < 8; each++) session.receive(createDelivery({ attempt: each < 4 ? 2 : 1 }))
    const attempts = Array.from({ length: 8 }, () => session.take()?.attempt)
    expect(attempts).to.deep.equal([1, 1, 1, 2, 1, 2, 2, 2])
  })

  it('lets no more workers than their share hold a retry while new messages come, and wakes one when a retry ends', () => {
    const session = createSession(tenantId, createMeter(), 0.5)
    session.workers = 4
    const retries = Array.from({ length: 3 }, () => createDelivery({ attempt: 2 }))
    for (const delivery of retries) session.receive(delivery)
    const fresh = createDelivery()
    session.receive(fresh)
    const taken = [session.take(), session.take()]
    expect(taken).to.have.members([fresh, retries[0]])
    for (const delivery of taken) if (delivery) session.runs(delivery, 1)
    const second = session.take()
    expect(second).to.equal(retries[1])
    if (second) session.runs(second, 2)
    expect(session.hasWork(), 'two of four workers hold a retry').to.equal(false)
    expect(session.take()).to.equal(undefined)
    let woken = 0
    session.mailbox.whenReady(() => woken++)
    if (second) session.ranOut(second)
    expect([woken, session.hasWork(), session.take()]).to.deep.equal([1, true, retries[2]])
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
    const sessions = createSessions(1)
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
