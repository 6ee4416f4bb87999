import { expect } from 'chai'
import { fromCallback, fromPromise, type SnapshotFrom } from 'xstate'
import { getAdjacencyMap } from 'xstate/graph'
import type { TenantEvent } from '../../../actors/tenant/events.ts'
import { tenantMachine } from '../../../actors/tenant/machine.ts'
import { countWorkers, toTenantStatus } from '../../../actors/tenant/status.ts'
import { workerMachine } from '../../../actors/worker/machine.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import { listStates, pathOf } from '../../support/machines.ts'
import { createDesired, deleting, policy, type tenantId } from '../support/samples.ts'
import { describeValue } from '../support/tenant-rig.ts'

type TenantMachine = typeof tenantMachine
type TenantSnapshot = SnapshotFrom<TenantMachine>
type AnyEvent = TenantEvent | { type: `xstate.${string}`; actorId?: string; output?: unknown; error?: unknown }

const never = <Output>() => fromPromise<Output, { tenantId: typeof tenantId }>(() => new Promise(() => {}))
const machine = tenantMachine.provide({
  actors: {
    provision: never<void>(),
    purge: never<'purged' | 'busy'>(),
    consumer: fromCallback(() => {}),
    watchQueue: fromCallback(() => {}),
    worker: workerMachine.provide({ actors: { deliveryLoop: fromCallback(() => {}) } }),
  },
}) as TenantMachine

/** What is varied together. All at once would be millions of states, of which most differ in what has no bearing on each other. */
interface Family {
  readonly wishes: readonly Partial<DesiredTenant>[]
  readonly commands: readonly TenantEvent['type'][]
  /** Whether a worker may crash and finish. */
  readonly workers: boolean
}

const discard = deleting('discard')
const families: Readonly<Record<string, Family>> = {
  'stopping, restarting and deleting': {
    wishes: [{ status: 'active' }, { status: 'drained' }, deleting('drain', 60_000), discard],
    commands: ['tenant.end', 'tenant.abort'],
    workers: false,
  },
  'pausing, stalling and vanishing': {
    wishes: [{ status: 'active' }, { status: 'paused' }, { status: 'drained' }, discard],
    commands: ['ledger.stalled', 'ledger.resumed', 'tenant.vanish', 'tenant.end'],
    workers: false,
  },
  'resizing and crashing': {
    wishes: [{ workers: 1 }, { workers: 2 }, discard],
    commands: ['tenant.end', 'broker.up'],
    workers: true,
  },
}

/** What may happen in a state: commands at any time, and the reports of the children that there are. */
function eventsOf({ context, children, value, status }: TenantSnapshot, { wishes, commands, workers }: Family): readonly AnyEvent[] {
  if (status !== 'active') return []
  const isDeleting = context.desired.status === 'deleting'
  const desires = wishes
    // A deletion is never taken back.
    .filter((wish) => !isDeleting || wish.status === undefined || wish === discard)
    // Workers that finish may be any number: two beside each other are enough.
    .filter((wish) => wish.workers !== 2 || Object.keys(context.workers).length < 3)
    .map((wish) => ({ type: 'tenant.desire', desired: { ...context.desired, ...wish, version: context.desired.version + 1 } }) as const)
  const restart = { ...context.desired, restartGeneration: context.servedGeneration + 1, version: context.desired.version + 1 }
  const place = describeValue(value)
  const events: AnyEvent[] = [...desires, ...commands.map((type) => ({ type }) as TenantEvent)]
  if (commands.includes('tenant.abort')) events.push({ type: 'tenant.desire', desired: restart })
  if (place === 'provisioning') {
    events.push({ type: 'xstate.done.actor.0.tenant.provisioning', actorId: '0.tenant.provisioning' })
    events.push({ type: 'xstate.error.actor.0.tenant.provisioning', actorId: '0.tenant.provisioning', error: new Error('broken') })
  }
  if (place.startsWith('attached')) {
    events.push({ type: 'consumer.opened' }, { type: 'session.settled' }, { type: 'queue.emptied' }, { type: 'consumer.closed' })
    events.push({ type: 'consumer.lost', reason: 'gone' }, { type: 'worker.respawn', index: 2 })
    events.push(
      { type: 'xstate.after.deletionDeadline.tenant.attached.emptying' },
      { type: 'xstate.after.finishLimit.tenant.attached.draining' },
    )
    events.push({ type: 'xstate.after.openLimit.tenant.attached.opening' }, { type: 'xstate.after.closeLimit.tenant.attached.detaching' })
    for (const index of Object.keys(context.workers).map(Number)) {
      const actorId = `worker:${index}`
      if (!workers || index === 1 || !(actorId in children)) continue
      const crashed = context.workers[index] === 'finishing' ? undefined : 'boom'
      events.push({ type: `xstate.done.actor.${actorId}`, actorId, output: { index, crashed } })
    }
  }
  if (place === 'backingOff') events.push({ type: 'xstate.after.retryDelay.tenant.backingOff' })
  if (place === 'quarantined') events.push({ type: 'xstate.after.probation.tenant.quarantined' })
  if (place === 'deleting.purging') {
    for (const output of ['purged', 'busy']) events.push({ type: 'xstate.done.actor.0.tenant.deleting.purging', actorId: 'purge', output })
  }
  if (place === 'deleting.waiting') events.push({ type: 'xstate.after.purgeRetry.tenant.deleting.waiting' })
  return events
}

/** Two snapshots are one state when nothing that decides differs. */
const serialize = ({ value, context, status }: TenantSnapshot): string => {
  const { desired, goal, workers, servedGeneration, verdict, crashes, emptied } = context
  const wants = [desired.status, desired.workers, desired.deletion?.mode, desired.restartGeneration - servedGeneration]
  return JSON.stringify([describeValue(value), status, wants, goal, workers, verdict, crashes.length > 0, emptied])
}

const reachedByAny = new Set<string>()

for (const [name, family] of Object.entries(families))
  describe(`every path through the tenant machine: ${name}`, () => {
    let reached: readonly TenantSnapshot[]
    let next: ReadonlyMap<string, readonly { readonly event: AnyEvent; readonly key: string }[]>

    before(() => {
      const map = getAdjacencyMap(machine, {
        input: { desired: createDesired({ workers: family.workers ? 2 : 1 }), policy: { ...policy, maxRestarts: 1 } },
        events: (snapshot: TenantSnapshot) => eventsOf(snapshot, family) as TenantEvent[],
        serializeState: serialize,
        serializeEvent: (event: TenantEvent) =>
          event.type === 'tenant.desire' ? JSON.stringify({ ...event.desired, version: 0 }) : JSON.stringify(event),
        limit: 60_000,
      } as never) as Record<string, { state: TenantSnapshot; transitions: Record<string, { event: AnyEvent; state: TenantSnapshot }> }>
      reached = Object.values(map).map(({ state }) => state)
      for (const node of reached.flatMap(({ _nodes }) => _nodes)) reachedByAny.add(pathOf(node))
      next = new Map(
        Object.entries(map).map(([key, { transitions }]) => [
          key,
          Object.values(transitions).map(({ event, state }) => ({ event, key: serialize(state) })),
        ]),
      )
    })

    const isFinal = (key: string): boolean => JSON.parse(key)[1] !== 'active'

    /** The states from which a sequence of such events can lead to where `arrives` holds. */
    function sources(arrives: (key: string) => boolean, mayUse: (event: AnyEvent) => boolean): ReadonlySet<string> {
      const before = new Map<string, string[]>()
      for (const [key, steps] of next)
        for (const step of steps) if (mayUse(step.event)) before.set(step.key, [...(before.get(step.key) ?? []), key])
      const found = new Set([...next.keys()].filter(arrives))
      for (const key of found) for (const source of before.get(key) ?? []) found.add(source)
      return found
    }

    const stateOf = (key: string): string => JSON.parse(key)[0]

    it('is explainable: the status names each state, and never falls back', () => {
      const expected: readonly (readonly [string, string])[] = [
        ['attached.detaching', 'detaching'],
        ['attached.opening', 'attaching'],
        ['backingOff', 'backing_off'],
        ['ended', 'stopped'],
      ]
      for (const snapshot of reached) {
        const { state } = toTenantStatus(snapshot)
        const place = describeValue(snapshot.value)
        const name = expected.find(([path]) => path === place)?.[1] ?? place
        if (place.startsWith('attached.serving')) expect(place).to.contain(`activity.${state}`)
        else if (place === 'attached.emptying' || place === 'attached.draining') expect(state).to.equal('draining')
        else expect(state, place).to.equal(name.split('.')[0])
      }
    })

    it('leads nowhere from which a node cannot end', () => {
      const reports = ['consumer.closed', 'consumer.lost', 'tenant.end', 'tenant.abort']
      const canEnd = sources(isFinal, ({ type }) => reports.includes(type))
      expect([...next.keys()].filter((key) => !canEnd.has(key))).to.deep.equal([])
    })

    it('leads nowhere from which a tenant cannot be deleted', () => {
      const isReport = (event: AnyEvent): boolean =>
        event.type === 'tenant.desire'
          ? 'desired' in event && event.desired.deletion?.mode === 'discard'
          : event.type.startsWith('xstate.') || event.type.startsWith('consumer.') || event.type === 'session.settled'
      const canBeDeleted = sources((key) => stateOf(key) === 'deleted', isReport)
      const serving = [...next.keys()].filter((key) => !isFinal(key) && JSON.parse(key)[3] === 'serve')
      expect(serving.filter((key) => !canBeDeleted.has(key))).to.deep.equal([])
    })

    it('leaves no worker behind outside of an attachment', () => {
      for (const { value, context, children } of reached) {
        if (describeValue(value).startsWith('attached')) continue
        expect(context.workers, describeValue(value)).to.deep.equal({})
        expect(Object.keys(children).filter((id) => id.startsWith('worker:'))).to.deep.equal([])
      }
    })

    it('has no more workers than wanted while it serves, and knows every one that it has', () => {
      for (const { value, context, children } of reached) {
        const place = describeValue(value)
        if (place.startsWith('attached.serving')) expect(countWorkers(context), place).to.be.at.most(context.desired.workers)
        if (!place.startsWith('attached')) continue
        const known = Object.keys(context.workers).filter((index) => context.workers[Number(index)] !== 'crashed')
        const alive = Object.keys(children).filter((id) => id.startsWith('worker:'))
        expect(alive.map((id) => id.slice('worker:'.length)).sort()).to.deep.equal(known.sort())
      }
    })

    it('calls a tenant settled only in the state that is wanted', () => {
      for (const snapshot of reached) {
        const { settled, state, currentWorkers } = toTenantStatus(snapshot)
        if (!settled) continue
        const { status, workers } = snapshot.context.desired
        const wanted = { active: 'running', paused: 'paused', drained: 'stopped', deleting: 'deleted' }[status]
        expect(state).to.equal(wanted)
        if (status === 'active' || status === 'paused') expect(currentWorkers).to.equal(workers)
      }
    })
  })

describe('every path through the tenant machine', () => {
  it('together come by every state in which anything can wait', () => {
    const passing = ['deciding', 'failing', 'pardoned', 'attached.detached', 'attached.serving.activity.deciding']
    const missed = listStates(machine.root)
      .map(pathOf)
      .filter((path) => !reachedByAny.has(path))
    expect(missed).to.have.members(passing)
  })
})
