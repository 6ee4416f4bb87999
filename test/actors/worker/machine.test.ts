import { expect } from 'chai'
import { createActor, fromCallback } from 'xstate'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import { createWorkerLogic } from '../../../actors/worker/logic.ts'
import { type WorkerEvent, workerMachine } from '../../../actors/worker/machine.ts'
import type { Delivery } from '../../../src/core/message.ts'
import { ack, type Outcome } from '../../../src/core/outcome.ts'
import { defaultRetryPolicy } from '../../../src/core/retry-policy.ts'
import { eventually } from '../../support/eventually.ts'
import { createCircuitsOf, createDelivery, tenantId } from '../support/samples.ts'

describe('the worker machine', () => {
  function start() {
    let report: (event: WorkerEvent) => void = () => {}
    const told: string[] = []
    const machine = workerMachine.provide({
      actors: {
        deliveryLoop: fromCallback(({ sendBack, receive }) => {
          report = sendBack
          receive(({ type }) => told.push(type))
        }),
      },
    })
    const worker = createActor(machine, { input: { tenantId, index: 4 } }).start()
    return { worker, told, report: (event: WorkerEvent) => report(event) }
  }

  it('is idle until there is work, and again when there is none left', () => {
    const { worker, report } = start()
    expect(worker.getSnapshot().value).to.equal('idle')
    worker.send({ type: 'mailbox.ready' })
    expect(worker.getSnapshot().value).to.deep.equal({ busy: 'working' })
    report({ type: 'loop.emptied' })
    expect(worker.getSnapshot().value).to.equal('idle')
  })

  it('stops at once when it is idle, and after the delivery in hand when it is busy', () => {
    const idle = start()
    idle.worker.send({ type: 'worker.finish' })
    expect(idle.worker.getSnapshot()).to.deep.include({ value: 'stopped', output: { index: 4, crashed: undefined } })
    const busy = start()
    busy.worker.send({ type: 'mailbox.ready' })
    busy.worker.send({ type: 'worker.finish' })
    expect(busy.worker.getSnapshot().value).to.deep.equal({ busy: 'finishing' })
    expect(busy.told).to.deep.equal(['loop.finish'])
    busy.report({ type: 'loop.emptied' })
    expect(busy.worker.getSnapshot().value).to.equal('stopped')
  })

  it('ends with the reason when its loop crashes, also while it finishes', () => {
    for (const finishing of [false, true]) {
      const { worker, report } = start()
      worker.send({ type: 'mailbox.ready' })
      if (finishing) worker.send({ type: 'worker.finish' })
      report({ type: 'loop.crashed', reason: 'boom' })
      expect(worker.getSnapshot().output).to.deep.equal({ index: 4, crashed: 'boom' })
    }
  })
})

describe('workers on a mailbox', () => {
  function start(count: number, run: (delivery: Delivery) => Outcome | Promise<Outcome>) {
    const sessions = createSessions(1)
    const session = sessions.open(tenantId)
    const recorded: Delivery[] = []
    const logic = createWorkerLogic(sessions, {
      handlers: { find: () => ({ type: 'note', idempotent: true, run }) },
      ledger: { record: ({ delivery }) => recorded.push(delivery) },
      recorded: { lookUp: async () => undefined },
      inHand: new Set(),
      circuits: createCircuitsOf(),
      policyFor: () => defaultRetryPolicy,
      metrics: { handlerRan: () => {}, settled: () => {} },
      onDatabaseAway: () => {},
    })
    const workers = Array.from({ length: count }, (_, index) => createActor(logic, { input: { tenantId, index: index + 1 } }).start())
    return { session, recorded, workers }
  }

  it('work everything off, whenever it arrives', async () => {
    const { session, recorded } = start(3, () => new Promise((resolve) => setImmediate(resolve, ack)))
    for (let burst = 0; burst < 20; burst++) {
      for (let each = 0; each <= burst % 7; each++) session.receive(createDelivery())
      await new Promise((resolve) => setImmediate(resolve))
    }
    const total = Array.from({ length: 20 }, (_, burst) => (burst % 7) + 1).reduce((sum, each) => sum + each, 0)
    await eventually(() => recorded.length === total)
    expect(new Set(recorded).size).to.equal(total)
  })

  it('begin with what waits in a mailbox that opens', async () => {
    const { session, recorded } = start(2, () => ack)
    session.mailbox.shut()
    for (let each = 0; each < 5; each++) session.receive(createDelivery())
    expect(recorded).to.have.length(0)
    session.mailbox.open()
    await eventually(() => recorded.length === 5)
  })

  it('leave no wake-up with one that has finished', async () => {
    const { session, recorded, workers } = start(2, () => ack)
    workers[0]?.send({ type: 'worker.finish' })
    session.receive(createDelivery())
    await eventually(() => recorded.length === 1)
    expect(workers[0]?.getSnapshot().status).to.equal('done')
  })

  it('have as many handlers running as there are workers', async () => {
    const { session } = start(3, () => new Promise(() => {}))
    for (let each = 0; each < 10; each++) session.receive(createDelivery())
    await eventually(() => session.running.size === 3)
    expect(session.mailbox.size).to.equal(7)
  })

  it('rest when the session is aborted, however much waits', async () => {
    let answer: (outcome: Outcome) => void = () => {}
    const { session, recorded, workers } = start(1, () => new Promise((resolve) => (answer = resolve)))
    for (let each = 0; each < 10; each++) session.receive(createDelivery())
    await eventually(() => session.running.size === 1)
    let transitions = 0
    workers[0]?.subscribe({ next: () => transitions++, error: () => {} })
    session.abort.abort()
    answer(ack)
    await eventually(() => workers[0]?.getSnapshot().value === 'idle')
    session.receive(createDelivery())
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(workers[0]?.getSnapshot().value).to.equal('idle')
    expect(transitions).to.be.below(10)
    expect(recorded).to.deep.equal([])
  })
})
