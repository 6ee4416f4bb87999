import { expect } from 'chai'
import { matchesState, type Snapshot, type StateValue } from 'xstate'
import { createMetricSample } from '../../../src/engine/metric-sample.ts'
import { createRetryLag } from '../../../src/engine/retry-lag.ts'
import { eventually } from '../../support/eventually.ts'
import { createSyntheticNode, prefetch, readSeries, toTenant } from './synthetic-node.ts'

const snapshot = (value: StateValue, context: object = {}) => ({
  ...({ status: 'active', value, context } as unknown as Snapshot<unknown>),
  matches: (wanted: string | object) => matchesState(wanted as StateValue, value),
})

describe('a sample of the engine', () => {
  it('counts tenants, workers and messages by where they are', () => {
    const { sampler } = createSyntheticNode(30)
    const { tenants, workers, inFlightMessages, ledgerWaitingMessages } = sampler.sample({ tenants: false })
    sampler.stop()
    expect(tenants).to.include({ running: 20, paused: 10, quarantined: 0, backing_off: 0 })
    // Of each of the six full tenants two are being handled, and three wait for their commit.
    expect({ workers, inFlightMessages, ledgerWaitingMessages }).to.deep.equal({
      workers: { idle: 78, busy: 12 },
      inFlightMessages: 6 * prefetch,
      ledgerWaitingMessages: 18,
    })
  })

  it('of a node that runs no tenants says nothing about tenants', () => {
    const { sampler } = createSyntheticNode(0, { runsTenants: false })
    const sample = sampler.sample({ tenants: true })
    sampler.stop()
    expect(sample).to.have.keys('brokerUp', 'brokerBlocked', 'ledgerStalled', 'retryLagSeconds', 'drain')
  })

  it('counts each time that a tenant is quarantined or begins to drain', async () => {
    const { node, board, metrics, sampler } = createSyntheticNode(0)
    const [one, other] = [toTenant(1), toTenant(2)]
    for (const state of ['running', 'quarantined', 'running', 'quarantined', 'draining'] as const) node.setState(one, state)
    node.setState(other, 'quarantined')
    board.remove(other)
    node.setState(other, 'quarantined')
    const series = readSeries((await metrics.render()).text)
    sampler.stop()
    expect(series.get('tenantry_tenant_quarantines_total')).to.equal(4)
    expect(series.get('tenantry_tenant_drains_total')).to.equal(1)
  })

  it('knows the database and its readiness from a look beside the reads, which wait for nothing', async () => {
    const { metrics, sampler } = createSyntheticNode(1)
    const read = async () => readSeries((await metrics.render()).text)
    expect((await read()).has('tenantry_database_up')).to.equal(false)
    await eventually(async () => (await read()).get('tenantry_database_up') === 1 && (await read()).get('tenantry_ready') === 1)
    sampler.stop()
  })

  it('shows the states of broker link and ledger, and the drain from its beginning', () => {
    const { board, depths, metrics } = createSyntheticNode(0)
    const states: Record<string, StateValue> = { brokerLink: { up: 'blocked' }, ledger: { stalled: 'waiting' }, retryScheduler: 'waiting' }
    const sampler = createMetricSample({
      board,
      depths,
      metrics,
      sessions: { all: () => [] } as never,
      childOf: (name) => snapshot(states[name] ?? {}, { wakeAtMs: 0, dueSinceMs: Number.POSITIVE_INFINITY, attempt: 0 }),
      readiness: () => Promise.reject(new Error('away')),
      runsTenants: true,
      topTenants: 0,
    })
    const look = () => sampler.sample({ tenants: true })
    expect(look()).to.deep.include({ brokerUp: true, brokerBlocked: true, ledgerStalled: true, retryLagSeconds: 0 })
    states.brokerLink = 'backingOff'
    states.ledger = 'up'
    expect(look()).to.deep.include({
      brokerUp: false,
      brokerBlocked: false,
      ledgerStalled: false,
      drain: { seconds: 0, deadlineSeconds: 0 },
    })
    sampler.draining(25_000)
    expect(look().drain?.deadlineSeconds).to.equal(25)
    expect(look().drain?.seconds).to.be.within(0, 5)
    sampler.stop()
  })
})

describe('the lag of retries', () => {
  const never = Number.POSITIVE_INFINITY
  const at = (wakeAtMs: number, { attempt = 0, dueSinceMs = never } = {}) => snapshot('waiting', { wakeAtMs, dueSinceMs, attempt })

  it('is how long ago the next one was due that nobody has looked for', () => {
    const lagOf = createRetryLag(() => 100_000)
    const lags = [at(0), at(never), at(130_000), at(70_000)].map((each) => lagOf(each))
    expect(lags).to.deep.equal([0, 0, 0, 30])
    expect([lagOf(undefined), lagOf(snapshot('waiting'))]).to.deep.equal([undefined, undefined])
  })

  it('is that of the oldest which the last look has left, although another look follows at once', () => {
    const lagOf = createRetryLag(() => 4_000_000)
    expect([lagOf(at(4_000_000, { dueSinceMs: 400_000 })), lagOf(at(never, { dueSinceMs: 400_000 }))]).to.deep.equal([3_600, 3_600])
  })

  it('rises while nobody can look what is due', () => {
    let nowMs = 100_000
    const lagOf = createRetryLag(() => nowMs)
    const failing = at(never, { attempt: 3 })
    expect(lagOf(failing)).to.equal(0)
    nowMs += 42_000
    expect(lagOf(failing)).to.equal(42)
    expect(lagOf(at(never))).to.equal(0)
    expect(lagOf(failing)).to.equal(0)
  })
})
