import { expect } from 'chai'
import { createActor } from 'xstate'
import type { ActorPorts } from '../../../actors/index.ts'
import { createRetryScheduler } from '../../../actors/retry-scheduler/logic.ts'
import { createSessions } from '../../../actors/tenant/sessions.ts'
import type { ClaimOptions, RetryClaims } from '../../../src/core/ports/failure-store.ts'
import type { ScheduleClaims } from '../../../src/core/ports/schedule-store.ts'
import { createRetryLag } from '../../../src/engine/retry-lag.ts'
import { createCalls, turn } from '../support/deferred.ts'
import { createNotingPorts, createRetry, createSchedule } from '../support/due.ts'
import { policy } from '../support/samples.ts'

const noRetries: RetryClaims = { claimed: [], more: false, nextDueInMs: undefined, oldestDueMs: undefined }
const noSchedules: ScheduleClaims = { claimed: [], more: false, nextDueInMs: undefined, oldestDueMs: undefined }

function start() {
  const { ports, done } = createNotingPorts()
  const retries = createCalls<ClaimOptions, RetryClaims>()
  const schedules = createCalls<readonly [number, number], ScheduleClaims>()
  const listeners = new Set<(atMs: number) => void>()
  const scheduler = createRetryScheduler(
    {
      ...ports,
      failures: { ...ports.failures, claimDue: (options: ClaimOptions) => retries.call(options) },
      schedules: { ...ports.schedules, claimDue: (...args: [number, number]) => schedules.call(args) },
      dueHints: {
        announce: () => {},
        subscribe(listener: (atMs: number) => void) {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
      policy: { retry: { maxInQueue: 25 } },
    } as unknown as ActorPorts,
    createSessions(1),
  )
  const actor = createActor(scheduler.logic, { input: { backoff: policy.backoff } }).start()
  return { actor, scheduler, retries, schedules, listeners, done, stateOf: () => actor.getSnapshot().value }
}

describe('the retry scheduler’s shell', () => {
  it('claims failed and scheduled messages together, as many retries of a tenant as its queue may hold', async () => {
    const { actor, retries, schedules, done, stateOf } = start()
    actor.send({ type: 'broker.up' })
    expect(retries.made[0]).to.include({ maxInQueue: 25 })
    expect(retries.made[0]?.leaseMs).to.equal(schedules.made[0]?.[1])
    await schedules.resolve({ ...noSchedules, claimed: [createSchedule({ type: 's' })] })
    expect(stateOf()).to.equal('claiming')
    await retries.resolve({ ...noRetries, claimed: [createRetry({ type: 'r' })], more: true })
    expect(done).to.deep.equal(['publish r,s', 'republished r', 'released s'])
    expect(stateOf()).to.equal('waiting')
    expect(actor.getSnapshot().context.wakeAtMs, 'looks again at once').to.be.at.most(Date.now())
    actor.stop()
  })

  it('knows the earlier of the two next due times', async () => {
    const { actor, retries, schedules } = start()
    const before = Date.now()
    actor.send({ type: 'broker.up' })
    await retries.resolve({ ...noRetries, nextDueInMs: 90_000 })
    await schedules.resolve({ ...noSchedules, nextDueInMs: 60_000 })
    expect(actor.getSnapshot().context.wakeAtMs).to.be.within(before + 60_000, Date.now() + 60_000)
    actor.stop()
  })

  it('knows for how long the oldest has been due that waits, until a look leaves none', async () => {
    const { actor, retries, schedules } = start()
    const lagOf = createRetryLag()
    const lag = () => lagOf(actor.getSnapshot()) ?? Number.NaN
    const look = async (more: boolean, retryMs: number | undefined, scheduleMs: number | undefined) => {
      await retries.resolve({ ...noRetries, more, oldestDueMs: retryMs })
      await schedules.resolve({ ...noSchedules, oldestDueMs: scheduleMs })
    }
    actor.send({ type: 'broker.up' })
    await look(true, 3_600_000, 90_000)
    expect(lag()).to.be.within(3_600, 3_660)
    // What falls due here wakes it: the next look has begun, and has not found anything else.
    actor.send({ type: 'broker.down' })
    actor.send({ type: 'broker.up' })
    expect(lag()).to.be.within(3_600, 3_660)
    await look(true, undefined, 90_000)
    expect(lag()).to.be.within(90, 150)
    actor.send({ type: 'broker.down' })
    actor.send({ type: 'broker.up' })
    await look(false, 90_000, 90_000)
    expect(lag()).to.equal(0)
    actor.stop()
  })

  it('gives back what a look has found after nobody waits for it any more, and works with the next look’s', async () => {
    const { actor, retries, schedules, done } = start()
    actor.send({ type: 'broker.up' })
    actor.send({ type: 'broker.down' })
    actor.send({ type: 'broker.up' })
    expect(retries.open).to.have.length(2)
    const [late, current] = [createRetry({ type: 'late' }), createRetry({ type: 'current' })]
    const [first, second] = retries.open
    second?.resolve({ ...noRetries, claimed: [current] })
    first?.resolve({ ...noRetries, claimed: [late] })
    for (const call of schedules.open) call.resolve(noSchedules)
    await turn()
    expect(done).to.have.members(['give back late after 0', 'publish current', 'republished current'])
    actor.stop()
  })

  it('hears of this node’s ledger and of other nodes, until it is stopped', async () => {
    const { actor, scheduler, retries, schedules, listeners } = start()
    actor.send({ type: 'broker.up' })
    await retries.resolve(noRetries)
    await schedules.resolve(noSchedules)
    const soonMs = Date.now() + 80_000
    scheduler.tell(soonMs)
    expect(actor.getSnapshot().context.wakeAtMs).to.equal(soonMs)
    for (const listener of listeners) listener(soonMs - 1_000)
    expect(actor.getSnapshot().context.wakeAtMs).to.equal(soonMs - 1_000)
    actor.stop()
    expect(listeners.size).to.equal(0)
    scheduler.tell(0)
  })
})
