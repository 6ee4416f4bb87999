import { expect } from 'chai'
import { createActor, setup } from 'xstate'
import { type ConsumerCommand, type ConsumerReport, createConsumerLogic } from '../../../actors/consumer/consumer.ts'
import type { ActorPorts } from '../../../actors/index.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import { turn } from '../support/deferred.ts'
import { createFakeBroker } from '../support/fake-broker.ts'
import { createDelivery, tenantId } from '../support/samples.ts'

function start() {
  const fake = createFakeBroker()
  const sessions = createSessions(1)
  const session = sessions.open(tenantId)
  const ledger = { stalled: false }
  const ports = { broker: fake.broker, nodeId: 'node', policy: { prefetch: 10 } } as ActorPorts
  const logic = createConsumerLogic(ports, sessions, (work) => work(), ledger)
  const reports: ConsumerReport[] = []
  const parent = createActor(
    setup({ actors: { logic }, types: { events: {} as ConsumerReport } }).createMachine({
      invoke: { id: 'consumer', src: 'logic', input: { tenantId } },
      on: {
        'consumer.*': { actions: ({ event }) => void reports.push(event) },
        'session.settled': { actions: ({ event }) => void reports.push(event) },
        'partition.missing': { actions: ({ event }) => void reports.push(event) },
      },
    }),
  ).start()
  const tell = (type: ConsumerCommand['type']): void => parent.getSnapshot().children.consumer?.send({ type })
  const types = (): readonly string[] => reports.map(({ type }) => type)
  return { ...fake, sessions, session, ledger, reports, types, tell, parent }
}

async function startOpened() {
  const rig = start()
  await rig.opening.resolve()
  return rig
}

describe('the consumer', () => {
  it('opens with the tenant’s prefetch and a tag of its own, and says so', async () => {
    const rig = start()
    expect(rig.opening.made[0]).to.include({ prefetch: 10, consumerTag: `node.${tenantId}.1` })
    expect(rig.types()).to.deep.equal([])
    await rig.opening.resolve()
    expect(rig.types()).to.deep.equal(['consumer.opened'])
    expect(rig.calls, 'receives before it is told').to.deep.equal([])
  })

  it('says that it is lost when it cannot open, cannot start, or ends by itself', async () => {
    const unopened = start()
    await unopened.opening.reject(new Error('no such queue'))
    expect(unopened.reports).to.deep.equal([{ type: 'consumer.lost', reason: 'no such queue' }])

    const unstarted = await startOpened()
    unstarted.failing.add('start')
    unstarted.tell('consumer.start')
    await turn()
    expect(unstarted.reports.at(-1)).to.deep.equal({ type: 'consumer.lost', reason: 'start failed' })

    const lost = await startOpened()
    lost.lose('channel closed')
    expect(lost.reports.at(-1)).to.deep.equal({ type: 'consumer.lost', reason: 'channel closed' })
  })

  it('says it once, whatever else fails afterwards', async () => {
    const rig = await startOpened()
    rig.failing.add('start').add('close')
    rig.tell('consumer.start')
    rig.tell('consumer.close')
    rig.lose('channel closed')
    await turn()
    expect(rig.types().filter((type) => type === 'consumer.lost')).to.have.length(1)
  })

  it('carries out its commands in order, one at a time, also those that come before it is open', async () => {
    const rig = start()
    rig.tell('consumer.start')
    rig.tell('consumer.pause')
    rig.tell('consumer.start')
    rig.tell('consumer.start')
    rig.tell('consumer.close')
    await turn()
    expect(rig.calls).to.deep.equal([])
    await rig.opening.resolve()
    expect(rig.calls).to.deep.equal(['start', 'cancel', 'start', 'close'])
    expect(rig.types()).to.deep.equal(['consumer.opened', 'consumer.closed'])
  })

  it('puts deliveries in the mailbox, and gives back on a pause what no worker has begun', async () => {
    const rig = await startOpened()
    rig.tell('consumer.start')
    await turn()
    const [one, two] = [createDelivery(), createDelivery()]
    rig.deliver(one)
    rig.deliver(two)
    expect(rig.session.mailbox.take()).to.equal(one)
    rig.tell('consumer.pause')
    await turn()
    expect(rig.calls).to.deep.equal(['start', 'cancel', `requeue ${two.tag}`])
    expect(rig.session.inFlight).to.equal(1)
    expect(rig.session.mailbox.hasWork()).to.equal(false)
  })

  it('opens the mailbox again after a pause, and not while the ledger stalls', async () => {
    const rig = await startOpened()
    rig.tell('consumer.pause')
    await turn()
    rig.ledger.stalled = true
    rig.tell('consumer.start')
    await turn()
    rig.deliver(createDelivery())
    expect(rig.session.mailbox.hasWork()).to.equal(false)
    rig.ledger.stalled = false
    rig.tell('mailbox.open')
    await turn()
    expect(rig.session.mailbox.hasWork()).to.equal(true)
  })

  it('drains: receives nothing more, and says when what has arrived is settled', async () => {
    const rig = await startOpened()
    rig.tell('consumer.start')
    await turn()
    const delivery = createDelivery()
    rig.deliver(delivery)
    rig.tell('consumer.drain')
    await turn()
    expect(rig.calls).to.deep.equal(['start', 'cancel'])
    expect(rig.types()).to.not.include('session.settled')
    expect(rig.session.mailbox.take(), 'workers go on').to.equal(delivery)
    rig.session.committed(delivery, Date.now())
    expect(rig.types().at(-1)).to.equal('session.settled')
  })

  it('is closed, not lost, when its channel ends while it closes', async () => {
    const rig = await startOpened()
    rig.tell('consumer.close')
    await turn()
    rig.lose('channel closed')
    expect(rig.types()).to.deep.equal(['consumer.opened', 'consumer.closed'])
  })

  it('ends the session and closes its channel when it is stopped', async () => {
    const rig = await startOpened()
    rig.parent.stop()
    await turn()
    expect(rig.session.ended).to.equal(true)
    expect(rig.calls).to.deep.equal(['close'])
    expect(rig.sessions.find(tenantId)).to.equal(undefined)
  })

  it('closes a channel that opens after it was stopped, and reports nothing', async () => {
    const rig = start()
    rig.parent.stop()
    await rig.opening.resolve()
    expect(rig.calls).to.deep.equal(['close'])
    expect(rig.types()).to.deep.equal([])
  })

  it('reports that the partition is missing when the ledger finds out', async () => {
    const rig = await startOpened()
    rig.session.onPartitionMissing()
    expect(rig.types()).to.include('partition.missing')
  })
})
