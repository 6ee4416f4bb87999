import { expect } from 'chai'
import { createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import { type BrokerLinkReport, brokerLinkMachine } from '../../actors/broker-link/machine.ts'
import { type LedgerReport, ledgerMachine } from '../../actors/ledger/machine.ts'
import { type Reading, type ReconcilerReport, reconcilerMachine } from '../../actors/reconciler/machine.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { BrokerEvent } from '../../src/core/ports/broker.ts'
import { createCalls, turn } from './support/deferred.ts'
import { createParent } from './support/parent.ts'
import { createDesired, policy, tenantId } from './support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const { backoff } = policy

describe('the broker link', () => {
  function start() {
    const connect = createCalls<unknown, void>()
    const clock = new SimulatedClock()
    const parent = createParent<BrokerLinkReport>()
    const machine = brokerLinkMachine.provide({
      actors: { connect: fromPromise(() => connect.call(undefined)), watchBroker: fromCallback(() => {}) },
    })
    const link = createActor(machine, { clock, input: { parent: parent.ref, backoff } }).start()
    return { connect, clock, link, reports: parent.reports, tell: (event: BrokerEvent) => link.send(event) }
  }

  it('connects, and says that the broker is there', async () => {
    const { connect, link, reports } = start()
    expect(link.getSnapshot().value).to.equal('connecting')
    await connect.resolve()
    expect(link.getSnapshot().value).to.deep.equal({ up: 'clear' })
    expect(reports).to.deep.equal([{ type: 'broker.up' }])
  })

  it('tries again after growing delays, as long as it takes', async () => {
    const { connect, clock, link } = start()
    for (let attempt = 1; attempt <= 8; attempt++) {
      await connect.reject(new Error('connection refused'))
      expect(link.getSnapshot()).to.deep.include({ value: 'backingOff' })
      expect(link.getSnapshot().context).to.include({ attempt, reason: 'connection refused' })
      clock.increment(Math.min(1_600, 100 * 2 ** (attempt - 1)))
      expect(link.getSnapshot().value).to.equal('connecting')
    }
    await connect.resolve()
    expect(link.getSnapshot().context).to.include({ attempt: 0, reason: null })
  })

  it('knows when the broker takes no messages, and why, and says so', async () => {
    const { connect, link, tell, reports } = start()
    await connect.resolve()
    tell({ type: 'broker.blocked', reason: 'memory alarm' })
    expect(link.getSnapshot().value).to.deep.equal({ up: 'blocked' })
    expect(link.getSnapshot().context.reason).to.equal('memory alarm')
    tell({ type: 'broker.unblocked' })
    expect(link.getSnapshot().value).to.deep.equal({ up: 'clear' })
    expect(reports.map(({ type }) => type)).to.deep.equal(['broker.up', 'broker.blocked', 'broker.unblocked'])
  })

  it('reports a loss, also of a blocked connection, and connects again', async () => {
    for (const blocked of [false, true]) {
      const { connect, clock, link, tell, reports } = start()
      await connect.resolve()
      if (blocked) tell({ type: 'broker.blocked', reason: 'memory alarm' })
      tell({ type: 'broker.lost', reason: 'connection reset' })
      expect(link.getSnapshot().value).to.equal('backingOff')
      clock.increment(100)
      await connect.resolve()
      expect(reports).to.deep.equal([
        { type: 'broker.up' },
        ...(blocked ? [{ type: 'broker.blocked' }] : []),
        { type: 'broker.down', reason: 'connection reset' },
        { type: 'broker.up' },
      ])
    }
  })
})

describe('the ledger machine', () => {
  function start() {
    const probe = createCalls<unknown, void>()
    const clock = new SimulatedClock()
    const parent = createParent<LedgerReport>()
    const order: string[] = []
    const machine = ledgerMachine.provide({
      actors: { probe: fromPromise(() => probe.call(undefined)), watchCommitter: fromCallback(() => {}) },
      actions: { resumeCommitter: () => void order.push(`resumed after ${parent.reports.length} reports`) },
    })
    const ledger = createActor(machine, { clock, input: { parent: parent.ref, backoff } }).start()
    return { probe, clock, ledger, reports: parent.reports, order }
  }

  it('stalls once, probes until the database answers, and resumes the committer before anybody hears of it', async () => {
    const { probe, clock, ledger, reports, order } = start()
    ledger.send({ type: 'commit.failed', reason: 'connection refused' })
    ledger.send({ type: 'commit.failed', reason: 'connection refused' })
    expect(ledger.getSnapshot().value).to.deep.equal({ stalled: 'waiting' })
    for (let attempt = 1; attempt <= 7; attempt++) {
      clock.increment(Math.min(1_600, 100 * 2 ** (attempt - 1)))
      expect(ledger.getSnapshot().value).to.deep.equal({ stalled: 'probing' })
      if (attempt < 7) await probe.reject(new Error('still away'))
    }
    await probe.resolve()
    expect(ledger.getSnapshot()).to.deep.include({ value: 'up' })
    expect(order).to.deep.equal(['resumed after 1 reports'])
    expect(reports).to.deep.equal([{ type: 'ledger.stalled', reason: 'connection refused' }, { type: 'ledger.resumed' }])
  })

  it('stalls again with longer delays, which begin anew when it has held', async () => {
    const { probe, clock, ledger } = start()
    const stallFor = async (delayMs: number): Promise<void> => {
      ledger.send({ type: 'commit.failed', reason: 'away' })
      clock.increment(delayMs / 2 - 1)
      expect(ledger.getSnapshot().value).to.deep.equal({ stalled: 'waiting' })
      clock.increment(delayMs / 2 + 1)
      await probe.resolve()
      expect(ledger.getSnapshot().value).to.equal('up')
    }
    for (const delayMs of [100, 200, 400]) await stallFor(delayMs)
    clock.increment(30_000)
    await stallFor(100)
  })
})

describe('the reconciler', () => {
  function start(options: { hintsFail?: boolean } = {}) {
    const reads = createCalls<{ hinted: readonly TenantId[]; all: boolean }, Reading>()
    const clock = new SimulatedClock()
    const parent = createParent<ReconcilerReport>()
    const machine = reconcilerMachine.provide({
      actors: {
        readDesired: fromPromise(({ input }) => reads.call(input)),
        watchHints: fromCallback(() => {
          if (options.hintsFail) throw new Error('cannot listen')
        }),
      },
    })
    const reconciler = createActor(machine, { clock, input: { parent: parent.ref, intervalMs: 5_000 } }).start()
    return { reads, clock, reconciler, reports: parent.reports }
  }
  const everything: Reading = { kind: 'all', tenants: [createDesired()] }

  it('reads everything at its start and at each interval, and passes it on', async () => {
    const { reads, clock, reports } = start()
    await reads.resolve(everything)
    expect(reports).to.deep.equal([{ type: 'desired.read', reading: everything }])
    clock.increment(4_999)
    expect(reads.open).to.have.length(0)
    clock.increment(1)
    expect(reads.made).to.deep.equal([
      { hinted: [], all: true },
      { hinted: [], all: true },
    ])
  })

  it('reads everything at its interval also while hints keep coming', async () => {
    const { reads, clock, reconciler } = start()
    await reads.resolve(everything)
    for (let hint = 1; hint <= 5; hint++) {
      clock.increment(3_000)
      reconciler.send({ type: 'hint.received', tenantId })
      while (reads.open.length > 0) await reads.resolve({ kind: 'some', tenants: [], missing: [] })
    }
    expect(reads.made.filter(({ all }) => all).length).to.be.at.least(3)
  })

  it('reads the tenants of all hints together, each once; hints that come meanwhile wait', async () => {
    const { reads, reconciler } = start()
    for (const id of [tenantId, other, tenantId]) reconciler.send({ type: 'hint.received', tenantId: id })
    await reads.resolve(everything)
    expect(reads.made[1]).to.deep.equal({ hinted: [tenantId, other], all: false })
    reconciler.send({ type: 'hint.received', tenantId })
    await reads.resolve({ kind: 'some', tenants: [], missing: [] })
    expect(reads.made[2]).to.deep.equal({ hinted: [tenantId], all: false })
  })

  it('reads everything again soon after a failure, since hints may be lost', async () => {
    const { reads, reconciler, clock, reports } = start()
    await reads.resolve(everything)
    reconciler.send({ type: 'hint.received', tenantId })
    await reads.reject(new Error('away'))
    expect(reconciler.getSnapshot().value).to.equal('retrying')
    clock.increment(500)
    expect(reads.made.at(-1)).to.deep.equal({ hinted: [], all: true })
    expect(reports).to.have.length(1)
  })

  it('reads everything on request', async () => {
    const { reads, reconciler } = start()
    await reads.resolve(everything)
    reconciler.send({ type: 'reconciler.now' })
    expect(reads.made).to.have.length(2)
  })

  it('reads everything even when it cannot hear hints', async () => {
    const { reads, reconciler, reports } = start({ hintsFail: true })
    await turn()
    while (reads.open.length > 0) await reads.resolve(everything)
    expect(reconciler.getSnapshot().status).to.equal('active')
    expect(reports.length).to.be.greaterThan(0)
  })
})
