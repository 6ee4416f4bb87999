/**
 * The TenantManager: root of a node's actors. Reacts to API commands and to desired state, and never throws: whatever
 * fails below it is answered by the one who supervises it.
 */
import { setup } from 'xstate'
import type { BackoffPolicy } from '../../src/core/backoff.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { createBrokerLinkLogic } from '../broker-link/logic.ts'
import type { JanitorLogic } from '../janitor/logic.ts'
import type { createLedgerLogic } from '../ledger/logic.ts'
import type { createReconcilerLogic } from '../reconciler/logic.ts'
import type { RetrySchedulerLogic } from '../retry-scheduler/logic.ts'
import type { SupervisorLogic } from '../supervisor/logic.ts'
import type { TenantCommand } from '../tenant/events.ts'
import type { RestartPolicy } from '../tenant/restart-policy.ts'
import type { TenantManagerEvent } from './events.ts'
import { planTelling } from './plan-telling.ts'
import { shardIds, supervisorIdOf } from './shards.ts'

export interface TenantManagerInput {
  /** False on a node that only serves the API: it knows the desired state, and runs nothing. */
  readonly runsTenants: boolean
  readonly restart: RestartPolicy
  readonly reconnect: BackoffPolicy
  readonly reconcileIntervalMs: number
  readonly janitorIntervalMs: number
}

export interface TenantManagerContext extends TenantManagerInput {
  /** The version of the desired state that each tenant of this node was last told: only changes are passed on. */
  readonly told: Readonly<Record<TenantId, number>>
  /** Supervisors that have not ended. */
  readonly supervisors: readonly `supervisor:${number}`[]
}

const base = setup({
  types: {
    context: {} as TenantManagerContext,
    input: {} as TenantManagerInput,
    events: {} as TenantManagerEvent,
  },
  actors: {
    brokerLink: {} as ReturnType<typeof createBrokerLinkLogic>,
    ledger: {} as ReturnType<typeof createLedgerLogic>['logic'],
    reconciler: {} as ReturnType<typeof createReconcilerLogic>,
    supervisor: {} as SupervisorLogic,
    retryScheduler: {} as RetrySchedulerLogic,
    janitor: {} as JanitorLogic,
  },
  guards: {
    isSupervisor: ({ event }) => 'actorId' in event && event.actorId.startsWith('supervisor:'),
    isService: ({ event }) => 'actorId' in event && (event.actorId === 'retryScheduler' || event.actorId === 'janitor'),
    noSupervisors: ({ context }) => context.supervisors.length === 0,
  },
})

const startSupervisors = base.enqueueActions(({ context, enqueue }) => {
  if (!context.runsTenants) return
  for (const id of shardIds) enqueue.spawnChild('supervisor', { id, input: { policy: context.restart } })
  enqueue.assign({ supervisors: shardIds })
})

// Where no tenants run, nothing is put back in their queues either.
const startServices = base.enqueueActions(({ context, enqueue }) => {
  if (!context.runsTenants) return
  enqueue.spawnChild('retryScheduler', { id: 'retryScheduler', input: { backoff: context.reconnect } })
  enqueue.spawnChild('janitor', { id: 'janitor', input: { intervalMs: context.janitorIntervalMs } })
})

const stopServices = base.enqueueActions(({ enqueue }) => {
  enqueue.stopChild('retryScheduler')
  enqueue.stopChild('janitor')
})

const tellScheduler = (type: 'broker.up' | 'broker.down') =>
  base.enqueueActions(({ self, enqueue }) => {
    if (self.getSnapshot().children.retryScheduler) enqueue.sendTo('retryScheduler', { type })
  })

const ensureTenant = base.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'tenant.ensure' || !context.runsTenants) return
  enqueue.assign({ told: { ...context.told, [event.desired.id]: event.desired.version } })
  enqueue.sendTo(supervisorIdOf(event.desired.id), { type: 'tenant.ensure', desired: event.desired })
})

const adoptReading = base.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'desired.read' || !context.runsTenants) return
  const plan = planTelling(context.told, event.reading)
  for (const desired of plan.ensure) enqueue.sendTo(supervisorIdOf(desired.id), { type: 'tenant.ensure', desired })
  for (const tenantId of plan.forget) enqueue.sendTo(supervisorIdOf(tenantId), { type: 'tenant.forget', tenantId })
  for (const tenantId of plan.doubt) enqueue.sendTo('reconciler', { type: 'hint.received', tenantId })
  enqueue.assign({ told: plan.told })
})

const tellAll = (command: TenantCommand) =>
  base.enqueueActions(({ context, enqueue }) => {
    for (const id of context.supervisors) enqueue.sendTo(id, { type: 'tenants.tell', command })
  })

const endSupervisors = base.enqueueActions(({ context, enqueue }) => {
  for (const id of context.supervisors) enqueue.sendTo(id, { type: 'supervisor.end' })
})

const removeSupervisor = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('actorId' in event)) return
  enqueue.stopChild(event.actorId)
  enqueue.assign({ supervisors: context.supervisors.filter((id) => id !== event.actorId) })
})

// Its tenants went with it: the next reading starts them again.
const replaceSupervisor = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('actorId' in event)) return
  enqueue.stopChild(event.actorId)
  enqueue.spawnChild('supervisor', { id: event.actorId, input: { policy: context.restart } })
  const told = Object.entries(context.told).filter(([id]) => supervisorIdOf(id as TenantId) !== event.actorId)
  enqueue.assign({ told: Object.fromEntries(told) })
  enqueue.sendTo('reconciler', { type: 'reconciler.now' })
})

const managerSetup = base.extend({
  actions: {
    startSupervisors,
    startServices,
    stopServices,
    ensureTenant,
    adoptReading,
    endSupervisors,
    removeSupervisor,
    replaceSupervisor,
    tellBrokerUp: tellAll({ type: 'broker.up' }),
    tellSchedulerUp: tellScheduler('broker.up'),
    tellSchedulerDown: tellScheduler('broker.down'),
    tellStalled: tellAll({ type: 'ledger.stalled' }),
    tellResumed: tellAll({ type: 'ledger.resumed' }),
    tellAbort: tellAll({ type: 'tenant.abort' }),
    reconcileNow: base.sendTo('reconciler', { type: 'reconciler.now' }),
    logCrash: () => {},
    // The link, the ledger or the scheduler itself has crashed: this process cannot mend that, a new one can.
    giveUp: () => {},
    // The shell's copy of the desired state, for whoever must answer without a query.
    noteReading: () => {},
  },
})

export const tenantManagerMachine = managerSetup.createMachine({
  id: 'tenantManager',
  context: ({ input }) => ({ ...input, told: {}, supervisors: [] }),
  entry: ['startSupervisors', 'startServices'],
  invoke: [
    {
      id: 'brokerLink',
      src: 'brokerLink',
      input: ({ context, self }) => ({ parent: self, backoff: context.reconnect }),
      onError: { actions: ['logCrash', 'giveUp'] },
    },
    {
      id: 'ledger',
      src: 'ledger',
      input: ({ context, self }) => ({ parent: self, backoff: context.reconnect }),
      onError: { actions: ['logCrash', 'giveUp'] },
    },
  ],
  on: {
    'broker.up': { actions: ['tellBrokerUp', 'tellSchedulerUp'] },
    'broker.down': { actions: 'tellSchedulerDown' },
    // What is due waits in the database: it would be claimed and given back, again and again.
    'broker.blocked': { actions: 'tellSchedulerDown' },
    'broker.unblocked': { actions: 'tellSchedulerUp' },
    'ledger.stalled': { actions: 'tellStalled' },
    'ledger.resumed': { actions: 'tellResumed' },
    'manager.abort': { actions: 'tellAbort' },
  },
  initial: 'running',
  states: {
    running: {
      invoke: {
        id: 'reconciler',
        src: 'reconciler',
        input: ({ context, self }) => ({ parent: self, intervalMs: context.reconcileIntervalMs }),
        onError: { target: 'running', reenter: true, actions: 'logCrash' },
      },
      on: {
        'tenant.ensure': { actions: 'ensureTenant' },
        'desired.read': { actions: ['noteReading', 'adoptReading'] },
        'manager.reconcile': { actions: 'reconcileNow' },
        'manager.drain': 'draining',
        'xstate.error.actor.*': [
          { guard: 'isSupervisor', actions: ['logCrash', 'replaceSupervisor'] },
          { guard: 'isService', actions: ['logCrash', 'giveUp'] },
        ],
      },
    },
    draining: {
      entry: ['stopServices', 'endSupervisors'],
      always: { guard: 'noSupervisors', target: 'drained' },
      on: {
        'xstate.done.actor.*': { guard: 'isSupervisor', actions: 'removeSupervisor' },
        'xstate.error.actor.*': { guard: 'isSupervisor', actions: ['logCrash', 'removeSupervisor'] },
      },
    },
    drained: { type: 'final' },
  },
})
