import { expect } from 'chai'
import fc from 'fast-check'
import { readWorkerCrash, readWorkerIndex } from '../../../actors/tenant/events.ts'
import { decideFailure } from '../../../actors/tenant/failure.ts'
import { planWorkers, type WorkerPhase } from '../../../actors/tenant/plan-workers.ts'
import { decideRestart } from '../../../actors/tenant/restart-policy.ts'
import { AppError } from '../../../src/core/errors.ts'
import { policy } from '../support/samples.ts'

const phase = fc.constantFrom<WorkerPhase>('running', 'finishing', 'crashed')
const workers = fc.dictionary(fc.integer({ min: 1, max: 12 }).map(String), phase, { maxKeys: 12 }) as fc.Arbitrary<
  Record<number, WorkerPhase>
>
const counted = (all: Readonly<Record<number, WorkerPhase>>): number => Object.values(all).filter((each) => each !== 'finishing').length

describe('planWorkers', () => {
  it('reaches the wanted number in one step, and never goes past it or past what there was', () => {
    fc.assert(
      fc.property(workers, fc.integer({ min: 0, max: 12 }), (current, desired) => {
        const plan = planWorkers(current, desired)
        expect(counted(plan.workers)).to.equal(desired)
        expect(counted(plan.workers)).to.be.at.most(Math.max(counted(current), desired))
        expect(plan.spawn.every((index) => current[index] === undefined)).to.equal(true)
        expect(plan.finish.every((index) => current[index] === 'running')).to.equal(true)
        expect(plan.spawn.length === 0 || plan.finish.length === 0).to.equal(true)
      }),
    )
  })

  it('has nothing to do afterwards, and settles when the surplus has finished', () => {
    fc.assert(
      fc.property(workers, fc.integer({ min: 0, max: 12 }), (current, desired) => {
        const { workers: after } = planWorkers(current, desired)
        expect(planWorkers(after, desired)).to.include({ workers: after, settled: !Object.values(after).includes('finishing') })
        const finished = Object.fromEntries(Object.entries(after).filter(([, each]) => each !== 'finishing'))
        expect(planWorkers(finished, desired)).to.deep.equal({ spawn: [], finish: [], workers: finished, settled: true })
      }),
    )
  })

  it('starts the lowest free numbers and lets the highest finish', () => {
    expect(planWorkers({ 1: 'running', 3: 'finishing' }, 3).spawn).to.deep.equal([2, 4])
    expect(planWorkers({ 1: 'running', 2: 'running', 10: 'running' }, 1)).to.deep.include({
      finish: [10, 2],
      workers: { 1: 'running', 2: 'finishing', 10: 'finishing' },
    })
    expect(planWorkers({ 1: 'running', 2: 'crashed' }, 1)).to.deep.include({ finish: [], workers: { 1: 'running' } })
  })
})

describe('decideRestart', () => {
  it('restarts after a growing delay until the budget of its window is spent', () => {
    const first = decideRestart([], 1_000, policy, () => 0)
    expect(first).to.deep.equal({ kind: 'restart', delayMs: 100, crashes: [1_000] })
    const second = decideRestart(first.crashes, 2_000, policy, () => 0)
    expect(second).to.deep.include({ kind: 'restart', delayMs: 200 })
    expect(decideRestart(second.crashes, 3_000, policy)).to.deep.equal({ kind: 'quarantine', crashes: [1_000, 2_000, 3_000] })
  })

  it('does not count crashes outside the window', () => {
    expect(decideRestart([1_000, 2_000], 61_999, policy, () => 0)).to.deep.equal({
      kind: 'restart',
      delayMs: 200,
      crashes: [2_000, 61_999],
    })
  })

  it('counts at most the crashes that its budget allows before it quarantines', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 20 }), (times) => {
        let crashes: readonly number[] = []
        for (const at of times.sort((a, b) => a - b)) {
          const verdict = decideRestart(crashes, at, policy)
          const inWindow = [...crashes, at].filter((time) => at - time < policy.windowMs).length
          expect(verdict.kind).to.equal(inWindow > policy.maxRestarts ? 'quarantine' : 'restart')
          crashes = verdict.crashes
        }
      }),
    )
  })
})

describe('decideFailure', () => {
  const context = { crashes: [], attempt: 0, attachedAtMs: 0, policy }
  const outage = { kind: 'provisioning', error: new AppError('broker.unavailable', 'the broker is away', { retryable: true }) } as const

  it('waits for an outage without spending the budget', () => {
    let attempt = 0
    for (let failure = 0; failure < 10; failure++) {
      const decided = decideFailure({ ...context, attempt }, outage, 1_000, () => 0)
      expect(decided).to.deep.include({ verdict: 'retry', crashes: [], reason: 'the broker is away' })
      attempt = decided.attempt
    }
    expect(attempt).to.equal(10)
  })

  it('waits longer each time an outage goes on, up to the cap', () => {
    const delays = [0, 1, 2, 3, 4, 5].map((attempt) => decideFailure({ ...context, attempt }, outage, 1_000, () => 0).retryDelayMs)
    expect(delays).to.deep.equal([100, 200, 400, 800, 1_600, 1_600])
  })

  it('begins to count anew when a stable attachment is lost', () => {
    const stable = { ...context, attempt: 7, attachedAtMs: 1_000 }
    expect(decideFailure(stable, { kind: 'lost', reason: 'closed' }, 31_001)).to.include({ attempt: 1 })
    expect(decideFailure(stable, { kind: 'lost', reason: 'closed' }, 30_000)).to.include({ attempt: 8 })
  })

  it('waits longer each time also when the attachment before the outage was stable', () => {
    const lost = decideFailure({ ...context, attachedAtMs: 1_000 }, { kind: 'lost', reason: 'closed' }, 100_000, () => 0)
    const again = decideFailure({ ...context, ...lost, attachedAtMs: 1_000 }, outage, 100_200, () => 0)
    const third = decideFailure({ ...context, ...again, attachedAtMs: 1_000 }, outage, 100_600, () => 0)
    expect([lost.retryDelayMs, again.retryDelayMs, third.retryDelayMs]).to.deep.equal([100, 200, 400])
  })

  it('spends the budget on surprises, and waits for the probation when it is spent', () => {
    const crash = { kind: 'crash', reason: 'boom' } as const
    const bug = { kind: 'provisioning', error: new Error('a bug') } as const
    expect(decideFailure(context, bug, 1_000)).to.deep.include({ verdict: 'retry', crashes: [1_000], reason: 'a bug' })
    expect(decideFailure({ ...context, crashes: [1, 2] }, crash, 1_000)).to.deep.equal({
      verdict: 'quarantine',
      retryDelayMs: policy.probationMs,
      attempt: 1,
      crashes: [1, 2, 1_000],
      reason: 'boom',
      failureCode: 'actor.crashed',
    })
  })

  it('classes what has failed, for those who may not read why', () => {
    const codeOf = (failure: Parameters<typeof decideFailure>[1]) => decideFailure(context, failure, 1_000).failureCode
    expect(codeOf(outage)).to.equal('broker.unavailable')
    expect(codeOf({ kind: 'provisioning', error: new Error('a bug') })).to.equal('internal')
    expect(codeOf({ kind: 'crash', error: new Error('boom') })).to.equal('actor.crashed')
    expect(codeOf({ kind: 'lost', reason: 'closed' })).to.equal('consumer.lost')
    expect(codeOf({ kind: 'lost', reason: 'no such queue', code: 'queue.missing' })).to.equal('queue.missing')
  })

  it('says something when nobody said why', () => {
    expect(decideFailure(context, { kind: 'crash' }, 1_000).reason).to.equal('failed')
    expect(decideFailure(context, { kind: 'crash', error: 'a text' }, 1_000).reason).to.equal('a text')
  })
})

describe('events about workers', () => {
  it('name the worker and the reason', () => {
    const crash = { type: 'xstate.error.actor.worker:3', actorId: 'worker:3', error: new Error('boom') } as const
    expect(readWorkerIndex(crash)).to.equal(3)
    expect(readWorkerCrash(crash)).to.equal('boom')
    expect(readWorkerIndex({ type: 'worker.respawn', index: 2 })).to.equal(2)
    expect(readWorkerIndex({ type: 'tenant.end' })).to.equal(undefined)
    expect(readWorkerCrash({ type: 'tenant.end' })).to.equal('crashed')
    const done = { type: 'xstate.done.actor.worker:1', actorId: 'worker:1' } as const
    expect(readWorkerCrash({ ...done, output: { index: 1, crashed: 'thrown' } })).to.equal('thrown')
    expect(readWorkerCrash({ ...done, output: { index: 1, crashed: undefined } })).to.equal('finished')
  })
})
