/** A whole node of real machines on a simulated clock, watched by a recorder; the test plays what the shells do. */
import { type AnyActorRef, type AnyEventObject, createActor, fromCallback, fromPromise, SimulatedClock } from 'xstate'
import { brokerLinkMachine } from '../../../../actors/broker-link/machine.ts'
import { janitorMachine } from '../../../../actors/janitor/machine.ts'
import { ledgerMachine } from '../../../../actors/ledger/machine.ts'
import { reconcilerMachine } from '../../../../actors/reconciler/machine.ts'
import { retrySchedulerMachine } from '../../../../actors/retry-scheduler/machine.ts'
import { supervisorMachine } from '../../../../actors/supervisor/machine.ts'
import { tenantMachine } from '../../../../actors/tenant/machine.ts'
import { tenantManagerMachine } from '../../../../actors/tenant-manager/machine.ts'
import { workerMachine } from '../../../../actors/worker/machine.ts'
import type { TenantId } from '../../../../src/core/ids.ts'
import type { FlightDump } from '../../../../src/core/ports/inspection.ts'
import type { DesiredTenant } from '../../../../src/core/tenant.ts'
import { createRecorder, type Recorder } from '../../../../src/engine/inspection/recorder.ts'
import { createLocalActors, type LocalActors } from '../../../../src/engine/inspection/tree.ts'
import { policy } from '../../../actors/support/samples.ts'

export const node = 'node-1'

export interface Rig {
  readonly root: AnyActorRef
  readonly clock: SimulatedClock
  readonly recorder: Recorder
  readonly actors: LocalActors
  readonly incidents: (FlightDump & { readonly reason: string })[]
  /** Makes the next action of a tenant's shell throw. */
  crashNext(error: Error): void
  /** What `name` (`provision`, `claim` …) has begun last ends: with what is given, or fails with an Error. */
  answer(name: string, outcome: unknown): Promise<void>
  /** What `name` (`consumer`, `watchQueue`, `deliveryLoop` …) below the actor with this id says to its parent. */
  say(id: string, event: AnyEventObject): void
  /** Tells the node what is wanted of a tenant, one version later each time. */
  desire(id: TenantId, changes?: Partial<DesiredTenant>): void
  send(id: string, event: AnyEventObject): void
}

/** A tenant's id by its number. */
export const tenantIdAt = (index: number): TenantId => `018f3c1e-7b7a-7c3e-9a55-${index.toString(16).padStart(12, '0')}` as TenantId

/** `serves`: tenants attach by themselves. `nowMs`: the recorder’s clock. */
export function startNode({ serves = false, nowMs = Date.now } = {}): Rig {
  const clock = new SimulatedClock()
  const pending = new Map<string, { parent: AnyActorRef | undefined; resolve(value: unknown): void; reject(error: unknown): void }[]>()
  const senders = new WeakMap<AnyActorRef, (event: AnyEventObject) => void>()
  const incidents: Rig['incidents'] = []
  const recorder = createRecorder({ node, nowMs, onIncident: (dump) => void incidents.push(dump) })
  let crash: Error | undefined
  let stalled = (): boolean => false

  // The types of what is played are the test's own affair.
  const work = (name: string): never =>
    fromPromise(({ self }) => {
      if (serves && (name === 'provision' || name === 'connect')) return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      pending.set(name, [...(pending.get(name) ?? []), { parent: self._parent, resolve, reject }])
      return promise
    }) as never
  const talk = (atOnce?: AnyEventObject): never =>
    fromCallback<AnyEventObject>(({ sendBack, self }) => {
      senders.set(self as unknown as AnyActorRef, sendBack)
      if (serves && atOnce) sendBack(atOnce)
    }) as never
  const throwWhenTold = (): void => {
    const error = crash
    crash = undefined
    if (error) throw error
  }

  const worker = workerMachine.provide({ actors: { deliveryLoop: talk() } })
  const tenant = tenantMachine.provide({
    actors: {
      provision: work('provision'),
      purge: work('purge'),
      consumer: talk({ type: 'consumer.opened' }),
      deadLetters: talk(),
      watchQueue: talk(),
      worker,
    },
    guards: { ledgerStalled: () => stalled() },
    actions: { applyConfig: throwWhenTold },
  })
  const logic = tenantManagerMachine.provide({
    actors: {
      brokerLink: brokerLinkMachine.provide({ actors: { connect: work('connect'), watchBroker: talk() } }),
      ledger: ledgerMachine.provide({ actors: { watchCommitter: talk(), probe: work('probe') } }),
      reconciler: reconcilerMachine.provide({ actors: { watchHints: talk(), readDesired: work('readDesired') } }),
      supervisor: supervisorMachine.provide({ actors: { tenant } }),
      retryScheduler: retrySchedulerMachine.provide({
        actors: { watchDue: talk(), claim: work('claim'), republish: work('republish') },
      }),
      janitor: janitorMachine.provide({ actors: { clean: work('clean') } }),
    },
  })
  const input = { runsTenants: true, restart: policy, reconnect: policy.backoff, reconcileIntervalMs: 60_000, janitorIntervalMs: 60_000 }
  const root: AnyActorRef = createActor(logic, { id: 'tenantManager', clock, input, inspect: recorder.observe })
  root.subscribe({ error: () => {} })
  root.start()
  stalled = () => root.getSnapshot().children.ledger?.getSnapshot().value !== 'up'

  const actors = createLocalActors({ root: () => root, recorder, node })
  const versions = new Map<TenantId, DesiredTenant>()
  return {
    ...{ root, clock, recorder, actors, incidents },
    crashNext(error) {
      crash = error
    },
    async answer(name, outcome) {
      // What a crashed actor has begun goes on, and has nobody to tell.
      const waiting = pending.get(name)?.filter(({ parent }) => parent?.getSnapshot().status === 'active') ?? []
      const last = waiting.pop()
      pending.set(name, waiting)
      if (outcome instanceof Error) last?.reject(outcome)
      else last?.resolve(outcome)
      await settled()
    },
    say(id, event) {
      const ref = actors.refOf(id)
      if (ref) senders.get(ref)?.(event)
    },
    desire(id, changes = {}) {
      const before = versions.get(id) ?? { id, status: 'active', workers: 2, restartGeneration: 0, deletion: null, config: {}, version: 0 }
      const desired: DesiredTenant = { ...before, ...changes, version: before.version + 1 }
      versions.set(id, desired)
      root.send({ type: 'tenant.ensure', desired })
    },
    send: (id, event) => actors.refOf(id)?.send(event),
  }
}

/** Everything that a promise has set off has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
