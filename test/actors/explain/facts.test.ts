import { expect } from 'chai'
import type { AnyStateMachine, StateValue } from 'xstate'
import { type ExplainedActor, type ExplainFacts, explainActor } from '../../../actors/index.ts'
import type { TenantContext } from '../../../actors/tenant/setup.ts'
import type { MessageId } from '../../../src/core/ids.ts'
import type { ActorKind } from '../../../src/core/ports/inspection.ts'
import { machines } from '../../support/machines.ts'
import { createDesired, deleting, policy, tenantId } from '../support/samples.ts'

const nowMs = 1_800_000_000_000
const messageId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0009' as MessageId
const sessionOf = (inFlight: number, inMailbox: number, workers: readonly number[] = []) => ({
  ...{ inFlight, inMailbox },
  running: workers.map((worker, index) => ({ messageId, worker, sinceMs: nowMs - 12_000 + index, untilMs: nowMs + 3_000 + index })),
})

function actorIn(kind: ActorKind, value: StateValue, context: object, parent?: ExplainedActor): ExplainedActor {
  const machine = machines.find(({ id }) => id === kind) as AnyStateMachine
  return { kind, id: kind, snapshot: machine.resolveState({ value, context, status: 'active' } as never), parent }
}
const tenantIn = (value: StateValue, changes: Partial<TenantContext> = {}): ExplainedActor =>
  actorIn('tenant', value, {
    ...{ tenantId, desired: createDesired(), policy, goal: 'serve', workers: { 1: 'running', 2: 'running' }, failureCode: null },
    ...{ servedGeneration: 0, attachedAtMs: 1, emptied: false, crashes: [], attempt: 2, retryDelayMs: 500, verdict: 'retry', reason: null },
    ...changes,
  })
const serving = (activity: string, sizing = 'steady'): StateValue => ({ attached: { serving: { activity, sizing } } })
const explain = (actor: ExplainedActor, facts: Partial<ExplainFacts> = {}) => explainActor(actor, { nowMs, sinceMs: nowMs - 100, ...facts })

describe('the explanation of a tenant', () => {
  it('counts what waits while it is paused, and says how to resume it', () => {
    const { sentence, blockedBy, remedy } = explain(tenantIn(serving('paused')), { ready: 12 })
    expect(sentence).to.equal(`Tenant ${tenantId} is paused: messages are accepted and wait; 12 are in its queue.`)
    expect([blockedBy, remedy?.method, remedy?.path]).to.deep.equal(['tenant.paused', 'POST', `/tenants/${tenantId}/resume`])
  })

  it('names the broker, and recommends nothing, while that is away', () => {
    for (const state of ['provisioning', { attached: 'opening' }, 'backingOff']) {
      for (const link of ['away', 'connecting'] as const) {
        const { blockedBy, remedy, sentence, detail, until } = explain(
          tenantIn(state, { reason: 'connect ECONNREFUSED rabbit.internal' }),
          {
            link,
          },
        )
        expect([blockedBy, remedy, detail], 'hosts are the platform’s affair').to.deep.equal(['broker.unavailable', null, null])
        expect(until, 'nobody knows when it is back').to.equal(null)
        expect(sentence).to.match(link === 'away' ? /the broker is away/ : /still connecting/)
      }
    }
    expect(explain(tenantIn('provisioning'), { link: 'up', isDatabaseAway: true }).blockedBy).to.equal('database.unavailable')
  })

  it('gives the reason of a backoff apart and without its secrets, until when it lasts, and the call that ends it', () => {
    const { sentence, until, remedy, detail } = explain(tenantIn('backingOff', { reason: 'amqp://me:hunter2@host is gone.\n  really.' }), {
      link: 'up',
    })
    expect(sentence).to.match(/after failure 2\.$/)
    expect(detail).to.match(/ is gone\.\s+really\.$/)
    expect(detail).to.not.include('hunter2')
    expect(until?.getTime()).to.equal(nowMs + 400)
    expect(remedy?.path).to.equal(`/tenants/${tenantId}/restart`)
  })

  it('says what has failed without the words of an error', () => {
    const sentenceOf = (state: StateValue, changes: Partial<TenantContext>) => explain(tenantIn(state, changes), { link: 'up' }).sentence
    expect(sentenceOf('backingOff', { failureCode: 'broker.unavailable', reason: 'out of descriptors' })).to.equal(
      `Tenant ${tenantId} waits before it tries again after failure 2: the broker did not do what it was asked to.`,
    )
    expect(sentenceOf('quarantined', { failureCode: 'partition.missing', crashes: [1, 2, 3] })).to.equal(
      `Tenant ${tenantId} is quarantined, because it has crashed 3 times within 60 s: its partition is missing, or cannot be made.`,
    )
    expect(sentenceOf('backingOff', { failureCode: 'broker.window_full' })).to.match(/failure 2: broker window full\.$/)
  })

  it('says why it is quarantined, until when, and that a restart ends it', () => {
    const { sentence, until, remedy, detail } = explain(tenantIn('quarantined', { crashes: [1, 2, 3], reason: 'boom' }))
    expect(sentence).to.equal(`Tenant ${tenantId} is quarantined, because it has crashed 3 times within 60 s.`)
    expect(detail).to.equal('boom')
    expect([until?.getTime(), remedy?.path]).to.deep.equal([nowMs - 100 + policy.probationMs, `/tenants/${tenantId}/restart`])
  })

  it('counts what is left while it empties its queue, and knows the deadline of a deletion', () => {
    const drained = explain(tenantIn({ attached: 'emptying' }, { desired: createDesired({ status: 'drained' }) }), {
      ready: 3,
      session: sessionOf(1, 0),
    })
    expect([drained.blockedBy, drained.remedy?.path]).to.deep.equal(['tenant.draining', `/tenants/${tenantId}/resume`])
    expect(drained.sentence).to.include('4 messages are left')
    const desired = createDesired({ status: 'deleting', deletion: { mode: 'drain', deadlineAtMs: nowMs + 7 } })
    const deleted = explain(tenantIn({ attached: 'emptying' }, { desired }), { ready: 1 })
    expect([deleted.blockedBy, deleted.until?.getTime(), deleted.remedy]).to.deep.equal(['tenant.deleting', nowMs + 7, null])
    expect(explain(tenantIn({ attached: 'emptying' }), { isDatabaseAway: true }).blockedBy).to.equal('database.unavailable')
  })

  it('says what it leaves its queue for', () => {
    const causes: readonly (readonly [Partial<TenantContext>, string])[] = [
      [{ goal: 'end' }, 'node.draining'],
      [{ goal: 'vanish' }, 'tenant.deleted'],
      [{ desired: createDesired(deleting('discard')) }, 'tenant.deleting'],
      [{ desired: createDesired({ restartGeneration: 1 }) }, 'tenant.restarting'],
      [{ desired: createDesired({ status: 'drained' }) }, 'tenant.draining'],
    ]
    for (const [changes, code] of causes) {
      for (const state of ['draining', 'detaching']) expect(explain(tenantIn({ attached: state }, changes)).blockedBy, code).to.equal(code)
    }
  })

  it('finishes by the deadlines of its handlers, unless more has arrived than they run; of a node that stops, by the node’s', () => {
    const restarting = tenantIn({ attached: 'draining' }, { desired: createDesired({ restartGeneration: 1 }) })
    expect(explain(restarting, { session: sessionOf(2, 0, [1, 2]) }).until?.getTime()).to.equal(nowMs + 3_001)
    const unknown = { ...sessionOf(1, 0), running: [{ messageId, worker: 1, sinceMs: nowMs, untilMs: null }] }
    for (const session of [sessionOf(2, 1, [1]), sessionOf(1, 0), unknown, undefined])
      expect(explain(restarting, { session }).until).to.equal(null)
    const ending = tenantIn({ attached: 'draining' }, { goal: 'end' })
    expect(explain(ending, { session: sessionOf(1, 0, [1]), drainEndsAtMs: nowMs + 700 }).until?.getTime()).to.equal(nowMs + 700)
    expect(explain(ending, { session: sessionOf(1, 0, [1]) }).until).to.equal(null)
  })

  it('names the worker that a smaller tenant waits for, and what it runs', () => {
    const context = { workers: { 1: 'running', 2: 'finishing' }, desired: createDesired({ workers: 1 }) } as const
    const { sentence, blockedBy } = explain(tenantIn(serving('running', 'resizing'), context), { session: sessionOf(2, 0, [1, 2]) })
    expect(blockedBy).to.equal('worker.finishing')
    expect(sentence).to.equal(`Tenant ${tenantId} runs, and goes to 1 worker; worker 2 has been finishing message ${messageId} for 12 s.`)
  })

  it('is blocked by crashed workers only when no other is left', () => {
    const some = explain(tenantIn(serving('running'), { workers: { 1: 'running', 2: 'crashed' }, reason: 'oops' }))
    expect([some.blockedBy, some.detail, some.sentence]).to.deep.equal([
      ...[null, 'oops'],
      `Tenant ${tenantId} runs with 1 of 2 workers; worker 2 crashed and is started again.`,
    ])
    expect(explain(tenantIn(serving('running'), { workers: { 1: 'crashed' } })).blockedBy).to.equal('worker.crashed')
  })

  it('says nothing of a time that has passed', () => {
    expect(explain(tenantIn('backingOff'), { sinceMs: nowMs - 60_000 }).until).to.equal(null)
    expect(explain(tenantIn('backingOff'), { sinceMs: undefined }).until).to.equal(null)
  })
})

describe('the explanation of what is below a tenant', () => {
  const worker = (value: StateValue, context: object = {}, parent?: ExplainedActor) =>
    actorIn('worker', value, { tenantId, index: 2, crashed: undefined, ...context }, parent)

  it('says what a worker runs, and since when', () => {
    const session = sessionOf(2, 0, [1, 2])
    const working = explain(worker({ busy: 'working' }), { session })
    expect([working.blockedBy, working.sentence]).to.deep.equal([null, `Worker 2 runs message ${messageId}, for 12 s now.`])
    const finishing = explain(worker({ busy: 'finishing' }), { session })
    expect([finishing.blockedBy, finishing.sentence]).to.deep.equal([
      'handler.running',
      `Worker 2 stops when it has finished message ${messageId}, for 12 s now.`,
    ])
    for (const { until } of [working, finishing]) expect(until?.getTime(), 'the deadline of its handler').to.equal(nowMs + 3_001)
    expect(explain(worker('stopped', { crashed: 'oops' }))).to.include({ blockedBy: 'worker.crashed', detail: 'oops' })
  })

  it('says why a worker is idle although messages have arrived', () => {
    const stalled = explain(worker('idle', {}, tenantIn(serving('stalled'))), { session: sessionOf(3, 3) })
    expect(stalled.blockedBy).to.equal('database.unavailable')
    expect(stalled.sentence).to.match(/^Worker 2 waits although messages have arrived, because tenant .*\.$/)
    expect(explain(worker('idle', {}, tenantIn(serving('stalled'))), { session: sessionOf(0, 0) }).blockedBy).to.equal(null)
  })

  it('says of an actor without states what it is for, or what of its parent’s keeps it from that', () => {
    for (const kind of ['consumer', 'deadLetters', 'task'] as const) {
      const actor: ExplainedActor = {
        kind,
        id: `tenant:${tenantId}.${kind}`,
        snapshot: { status: 'active' },
        parent: tenantIn(serving('paused')),
      }
      const { sentence, blockedBy, remedy } = explain(actor)
      const names = { consumer: 'The consumer', deadLetters: 'The dead-letter consumer', task: 'The task task' }
      expect(sentence.startsWith(`${names[kind]} of tenant ${tenantId} `), sentence).to.equal(true)
      expect(sentence).to.match(kind === 'consumer' ? / waits, because tenant .* is paused: .*\.$/ : /; tenant .* is paused: .*\.$/)
      expect([blockedBy, remedy?.path]).to.deep.equal(['tenant.paused', `/tenants/${tenantId}/resume`])
      expect(explain({ ...actor, snapshot: { status: 'done' } }).blockedBy).to.equal('actor.ended')
      const { sentence: whileRunning } = explain({ ...actor, parent: tenantIn(serving('running')) })
      expect(whileRunning).to.match(/; tenant .* runs with 2 workers\.$/)
    }
  })
})

describe('the explanation of a broker link that is away', () => {
  it('says when it tries again, which is not when the broker is back', () => {
    const link = actorIn('brokerLink', 'backingOff', { attempt: 1, reason: null, backoff: { baseMs: 1_000, factor: 2, capMs: 1_000 } })
    const { until, sentence } = explain(link)
    expect(until).to.equal(null)
    expect(sentence).to.match(/^The broker is away; after failure 1 the node waits before it connects again, by \d{4}-.*Z at the latest\.$/)
  })
})

describe('the explanation of a node that stops', () => {
  it('says by when', () => {
    const manager = actorIn('tenantManager', 'draining', { runsTenants: true, told: {}, supervisors: ['supervisor:1'] })
    const supervisor = actorIn('supervisor', 'ending', { desired: {}, crashes: {} })
    for (const actor of [manager, supervisor]) {
      const { blockedBy, until } = explain(actor, { drainEndsAtMs: nowMs + 25_000 })
      expect([blockedBy, until?.getTime()]).to.deep.equal(['node.draining', nowMs + 25_000])
    }
  })
})

describe('the explanation of the retry scheduler', () => {
  it('names what of the broker keeps it from its work', () => {
    const parked = actorIn('retryScheduler', 'parked', { wakeAtMs: 0, spacingMs: 50, attempt: 0, reason: null, backoff: policy.backoff })
    expect((['away', 'connecting', 'blocked'] as const).map((link) => explain(parked, { link }).blockedBy)).to.deep.equal([
      'broker.unavailable',
      'broker.unavailable',
      'broker.blocked',
    ])
  })
})
