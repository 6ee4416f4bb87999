import { expect } from 'chai'
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, StateValue } from 'xstate'
import { explainActor } from '../../../actors/index.ts'
import { reconcilerDelaysMs } from '../../../actors/reconciler/explain.ts'
import { longestSleepMs } from '../../../actors/retry-scheduler/explain.ts'
import { tenantDelaysMs } from '../../../actors/tenant/explain.ts'
import { tenantMachine } from '../../../actors/tenant/machine.ts'
import type { TenantContext } from '../../../actors/tenant/setup.ts'
import type { ActorKind, Explanation } from '../../../src/core/ports/inspection.ts'
import { isRoute } from '../../support/api-routes.ts'
import { machines } from '../../support/machines.ts'
import { createDesired, deleting, policy, tenantId } from '../support/samples.ts'

const nowMs = 1_800_000_000_000
/** What a sentence never has, since it may quote a message. */
const errorsText = 'card 4711 was refused'
const backoff = { baseMs: 100, factor: 2, capMs: 1_600 }

const tenantContext: TenantContext = {
  ...{ tenantId, desired: createDesired(), policy, goal: 'serve', workers: { 1: 'running', 2: 'running' } },
  ...{
    servedGeneration: 0,
    attachedAtMs: nowMs,
    emptied: false,
    crashes: [],
    attempt: 2,
    retryDelayMs: 500,
    verdict: 'retry',
    reason: errorsText,
    failureCode: 'queue.missing',
  },
}
const contexts: Readonly<Record<string, object>> = {
  tenantManager: { runsTenants: true, told: { [tenantId]: 1 }, supervisors: ['supervisor:1'] },
  supervisor: { desired: { [tenantId]: createDesired() }, crashes: {}, policy },
  tenant: tenantContext,
  worker: { tenantId, index: 1, crashed: errorsText },
  ledger: { attempt: 1, reason: errorsText, backoff },
  brokerLink: { attempt: 1, reason: errorsText, backoff },
  reconciler: { intervalMs: 5_000, hinted: [], all: false, taken: { hinted: [], all: true } },
  retryScheduler: { wakeAtMs: nowMs + 5_000, spacingMs: 50, attempt: 1, reason: errorsText, backoff },
  janitor: { intervalMs: 60_000 },
}

/** States in which nothing is in the way: what they do, or wait for, is what they are for. */
const restful: Readonly<Record<string, readonly string[]>> = {
  tenantManager: ['running'],
  supervisor: ['supervising'],
  tenant: ['attached.serving.activity.running'],
  worker: ['idle', 'busy.working'],
  ledger: ['up'],
  brokerLink: ['up.clear'],
  reconciler: ['waiting', 'reading'],
  retryScheduler: ['waiting', 'claiming', 'republishing'],
  janitor: ['resting', 'cleaning'],
}

/** Timers that are no end of what the state is blocked by, or that only a deletion has. */
const silentTimers = ['ledger up', 'brokerLink backingOff', 'tenant attached.draining', 'tenant attached.emptying']

/** Every combination of states that the machine can be in. */
function configurationsOf(node: AnyStateNode): readonly StateValue[] {
  const inner = Object.values(node.states).map((child: AnyStateNode) => ({ child, values: configurationsOf(child) }))
  const wrap = (child: AnyStateNode, value: StateValue): StateValue => (isLeaf(child) ? child.key : { [child.key]: value })
  if (node.type !== 'parallel')
    return inner.flatMap(({ child, values }) => (isLeaf(child) ? [child.key] : values.map((value) => wrap(child, value))))
  return inner.reduce<readonly Record<string, StateValue>[]>(
    (all, { child, values }) => all.flatMap((each) => values.map((value) => ({ ...each, [child.key]: value }))),
    [{}],
  )
}
const isLeaf = (node: AnyStateNode): boolean => Object.keys(node.states).length === 0

interface Configuration {
  readonly name: string
  readonly paths: readonly string[]
  readonly explanation: Explanation
  readonly hasTimer: boolean
}

function explainAll(machine: AnyStateMachine, changes: object = {}): readonly Configuration[] {
  return configurationsOf(machine.root).map((value) => {
    const context = { ...contexts[machine.id], ...changes }
    const snapshot: AnyMachineSnapshot = machine.resolveState({ value, context, status: 'active' } as never)
    const nodes: readonly AnyStateNode[] = snapshot._nodes
    const id = machine.id === 'tenant' ? `tenant:${tenantId}` : machine.id
    return {
      name: JSON.stringify(value),
      paths: nodes.map(({ path }) => path.join('.')),
      explanation: explainActor({ kind: machine.id as ActorKind, id, snapshot }, { nowMs, sinceMs: nowMs - 10 }),
      hasTimer: nodes.some(({ after }) => after.length > 0),
    }
  })
}

for (const machine of machines) {
  describe(`the explanations of ${machine.id}`, () => {
    const all = explainAll(machine)
    const variants =
      machine.id === 'tenant'
        ? [all, explainAll(machine, { desired: createDesired(deleting('drain', 60_000)) }), explainAll(machine, { goal: 'end' })]
        : [all]

    it('are a sentence for every state', () => {
      for (const { name, explanation } of variants.flat()) {
        expect(explanation.sentence, name).to.match(/^[A-Z][^.]*(\.\d[^.]*)*\.$/)
        expect(explanation.sentence, name).to.not.match(/undefined|null|NaN|\[object|4711/)
      }
    })

    it('differ where the states do', () => {
      // How many workers there are makes no difference to a tenant that runs none.
      const meanings = all.filter(({ paths }) => !paths.some((path) => path.endsWith('sizing.resizing')))
      expect(new Set(meanings.map(({ explanation }) => explanation.sentence)).size).to.equal(meanings.length)
    })

    it('say what blocks in every state in which something does', () => {
      for (const { name, paths, explanation } of all) {
        const isRestful =
          paths.some((path) => restful[machine.id]?.includes(path)) && !paths.some((path) => path.endsWith('sizing.resizing'))
        expect(explanation.blockedBy === null, name).to.equal(isRestful)
        expect(explanation.blockedBy ?? 'a.b', name).to.match(/^[a-z_]+\.[a-z_]+$/)
      }
    })

    it('say until when, where a timer runs', () => {
      for (const { name, paths, explanation, hasTimer } of all) {
        if (!hasTimer || paths.some((path) => silentTimers.includes(`${machine.id} ${path}`))) continue
        expect(explanation.until?.getTime(), name).to.be.greaterThan(nowMs)
      }
    })

    it('recommend only calls that there are', () => {
      for (const { name, explanation } of variants.flat()) if (explanation.remedy) expect(isRoute(explanation.remedy), name).to.equal(true)
    })

    it('are given for an actor that has crashed or ended too', () => {
      const kind = machine.id as ActorKind
      expect(explainActor({ kind, id: 'x', snapshot: { status: 'error' } }, { nowMs }).blockedBy).to.equal('actor.crashed')
      expect(explainActor({ kind, id: 'x', snapshot: undefined }, { nowMs }).blockedBy).to.equal('actor.ended')
    })
  })
}

describe('the delays that explanations know', () => {
  it('are those of the machines', () => {
    expect(tenantMachine.implementations.delays).to.deep.include(tenantDelaysMs)
    const [reconciler, scheduler] = ['reconciler', 'retryScheduler'].map((id) => machines.find((machine) => machine.id === id))
    expect(reconciler?.implementations.delays).to.deep.include(reconcilerDelaysMs)
    const untilDue = scheduler?.implementations.delays?.untilDue as (args: object) => number
    expect(untilDue({ context: { wakeAtMs: Number.POSITIVE_INFINITY, spacingMs: 0 } })).to.equal(longestSleepMs)
  })
})
