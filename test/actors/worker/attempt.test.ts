import { expect } from 'chai'
import { type AttemptServices, runAttempt } from '../../../actors/worker/attempt.ts'
import type { Settlement } from '../../../src/core/failure.ts'
import type { Delivery } from '../../../src/core/message.ts'
import { ack, type Outcome, reject, retry } from '../../../src/core/outcome.ts'
import type { Handler } from '../../../src/core/ports/handlers.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../../../src/core/retry-policy.ts'
import { createCircuitsOf, createDelivery, tenantId } from '../support/samples.ts'

type Run = () => Outcome | Promise<Outcome>

interface Options {
  readonly policy?: Partial<RetryPolicy>
  readonly destination?: string
  readonly delivery?: Partial<Delivery>
}

function setup(answers: readonly (Outcome | Run)[], { policy, destination, delivery }: Options = {}) {
  const ran: Delivery[] = []
  const rest = [...answers]
  const stopping = new AbortController()
  const handler: Handler = {
    type: 'note',
    idempotent: false,
    ...(destination === undefined ? {} : { destination }),
    run(given) {
      ran.push(given)
      const answer = rest.length > 1 ? rest.shift() : rest[0]
      return typeof answer === 'function' ? answer() : (answer ?? ack)
    },
  }
  const services: AttemptServices = {
    circuits: createCircuitsOf(() => {}, 60_000),
    policyFor: () => ({ ...defaultRetryPolicy, ...policy }) as RetryPolicy,
  }
  const run = (changes: Partial<Delivery> = {}): Settlement | Promise<Settlement> =>
    runAttempt(handler, createDelivery({ ...delivery, ...changes }), { config: {}, signal: stopping.signal }, services)
  return { run, ran, services, stopping }
}

const historyOf = (settlement: Settlement) => (settlement.kind === 'processed' ? [] : settlement.history)

describe('runAttempt', () => {
  it('does not await a handler that has acknowledged', () => {
    expect(setup([ack]).run()).to.deep.equal({ kind: 'processed' })
    expect(setup([ack], { destination: 'sms' }).run()).to.deep.equal({ kind: 'processed' })
  })

  it('takes a handler that throws or rejects for one that gives its message up', async () => {
    const crash = new Error('boom')
    const throwing: Run = () => {
      throw crash
    }
    for (const run of [throwing, () => Promise.reject(crash)]) {
      const settlement = await setup([run]).run()
      expect(settlement).to.deep.include({
        kind: 'failed',
        failure: { errorClass: 'HandlerCrashed', error: 'the handler crashed: boom' },
      })
    }
  })

  it('is tried again by the policy of its handler and tenant', async () => {
    const policy = { strategy: 'fixed', delaysMs: [60_000, 120_000] } as const
    const first = await setup([retry('busy')], { policy }).run()
    expect(first.kind === 'retrying' && first.dueAtMs - Date.now()).to.be.within(50_000, 60_000)
    const last = await setup([retry('busy')], { policy, delivery: { attempt: 3 } }).run()
    expect(last).to.deep.include({ kind: 'failed', reason: 'all 3 attempts have failed' })
  })

  it('is tried again when its handler says, whatever the policy’s delay', async () => {
    const settlement = await setup([retry('busy', 3_600_000)]).run()
    expect(settlement.kind === 'retrying' && settlement.dueAtMs - Date.now()).to.be.within(3_590_000, 3_600_000)
  })

  describe('with immediate retries', () => {
    const policy = { immediateRetries: 2 }

    it('succeeds when a later run does', async () => {
      const { run, ran } = setup([retry('busy'), ack], { policy })
      expect(await run()).to.deep.equal({ kind: 'processed' })
      expect(ran).to.have.length(2)
      expect(new Set(ran).size, 'the same delivery').to.equal(1)
    })

    it('keeps the history of its runs, all of one attempt', async () => {
      const { run, ran } = setup([retry('one'), retry('two'), retry('three')], { policy, delivery: { attempt: 4, firstAttempt: 4 } })
      const settlement = await run()
      expect(ran).to.have.length(3)
      expect(historyOf(settlement).map(({ attempt, error, outcome }) => [attempt, error, outcome])).to.deep.equal([
        [4, 'one', 'failed'],
        [4, 'two', 'failed'],
        [4, 'three', 'failed'],
      ])
      expect(settlement).to.deep.include({ kind: 'retrying', failure: { errorClass: 'Retry', error: 'three' }, firstAttempt: 4 })
    })

    it('runs no more when its handler gives it up, wants it later, or fails in a way that is not retryable', async () => {
      const ends: readonly (readonly [Outcome, string])[] = [
        [reject('no'), 'failed'],
        [retry('later', 1_000), 'retrying'],
        [{ kind: 'retry', reason: 'bad card', errorClass: 'CardError' }, 'failed'],
      ]
      for (const [outcome, kind] of ends) {
        const { run, ran } = setup([outcome], { policy: { ...policy, nonRetryable: ['CardError'] } })
        expect((await run()).kind).to.equal(kind)
        expect(ran).to.have.length(1)
      }
    })

    it('runs no more once the node has given up waiting', async () => {
      const before = setup([retry('busy')], { policy })
      before.stopping.abort()
      await before.run()
      expect(before.ran).to.have.length(1)
      const between = setup([retry('busy')], { policy })
      const running = between.run()
      between.stopping.abort()
      await running
      expect(between.ran).to.have.length(1)
    })
  })

  describe('with a destination', () => {
    const destination = 'sms'

    async function open(rig: ReturnType<typeof setup>): Promise<void> {
      for (let each = 0; each < 3; each++) await rig.run()
    }

    it('is put off while the circuit is open: no run, and none that the policy counts', async () => {
      const rig = setup([retry('refused')], { destination })
      await open(rig)
      const nowMs = Date.now()
      const settlement = rig.run({ attempt: 5, firstAttempt: 2 })
      expect(rig.ran).to.have.length(3)
      if (settlement instanceof Promise || settlement.kind !== 'retrying') return expect.fail('not put off at once')
      expect(settlement).to.deep.include({ firstAttempt: 3, order: 'oldest' })
      expect(settlement.dueAtMs).to.be.within(nowMs + 30_000, nowMs + 70_000)
      expect(settlement.history).to.have.length(1)
      expect(settlement.history[0]).to.deep.include({ attempt: 5, outcome: 'deferred', errorClass: 'CircuitOpen', durationMs: 0 })
      expect(settlement.failure.error).to.equal('the circuit of sms is open: refused')
    })

    it('is not the fault of its destination when its handler gives it up', async () => {
      const rig = setup([reject('bad number')], { destination })
      await open(rig)
      await rig.run()
      expect(rig.ran).to.have.length(4)
    })

    it('is heard of by the circuit when it succeeds, at once or later, in the first run or another', async () => {
      for (const [answers, policy] of [
        [[ack], {}],
        [[async () => ack], {}],
        [[retry('busy'), ack], { immediateRetries: 1 }],
      ] as const) {
        const rig = setup(answers, { destination, policy })
        for (let each = 0; each < 2; each++) rig.services.circuits.failed(tenantId, destination, 0, 'refused')
        await rig.run()
        rig.services.circuits.failed(tenantId, destination, 0, 'refused')
        expect(rig.services.circuits.of(tenantId)).to.deep.equal([])
      }
    })

    it('has its circuit count an attempt once, however many runs it had', async () => {
      const rig = setup([retry('busy')], { destination, policy: { immediateRetries: 2 } })
      await rig.run()
      expect(rig.ran).to.have.length(3)
      expect(rig.services.circuits.of(tenantId)).to.deep.equal([])
    })
  })
})
