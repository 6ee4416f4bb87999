/**
 * A supervisor shard: the parent of some of the node's tenants. A tenant's crash is answered here, with a restart after a
 * delay or, when its budget is spent, with quarantine; no other tenant notices.
 */
import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate'
import { errorText } from '../../src/core/errors.ts'
import type { TenantId } from '../../src/core/ids.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { TenantCommand } from '../tenant/events.ts'
import type { TenantLogic } from '../tenant/logic.ts'
import { decideRestart, type RestartPolicy } from '../tenant/restart-policy.ts'
import type { TenantOutput } from '../tenant/setup.ts'

export type SupervisorEvent =
  /** Run this tenant, or tell it what is wanted now. */
  | { type: 'tenant.ensure'; desired: DesiredTenant }
  /** The tenant's row is gone. */
  | { type: 'tenant.forget'; tenantId: TenantId }
  /** Passed to every tenant. */
  | { type: 'tenants.tell'; command: TenantCommand }
  /** Every tenant finishes what has arrived and ends; no restarts any more. */
  | { type: 'supervisor.end' }
  | { type: 'tenant.respawn'; tenantId: TenantId; quarantine?: string }
  | DoneActorEvent<TenantOutput, `tenant:${string}`>
  | ErrorActorEvent<unknown, `tenant:${string}`>

export interface SupervisorInput {
  readonly policy: RestartPolicy
}

export interface SupervisorContext extends SupervisorInput {
  /** The tenants this shard runs, and those that wait for their restart. */
  readonly desired: Readonly<Record<TenantId, DesiredTenant>>
  readonly crashes: Readonly<Record<TenantId, readonly number[]>>
}

const base = setup({
  types: { context: {} as SupervisorContext, input: {} as SupervisorInput, events: {} as SupervisorEvent },
  actors: { tenant: {} as TenantLogic },
  guards: { empty: ({ context }) => Object.keys(context.desired).length === 0 },
})

const ensureTenant = base.enqueueActions(({ context, event, enqueue, self }) => {
  if (event.type !== 'tenant.ensure') return
  const { desired } = event
  const waits = context.desired[desired.id] !== undefined
  const child = self.getSnapshot().children[`tenant:${desired.id}`]
  enqueue.assign({ desired: { ...context.desired, [desired.id]: desired } })
  if (child) enqueue.sendTo(child, { type: 'tenant.desire', desired })
  else if (!waits) enqueue.spawnChild('tenant', { id: `tenant:${desired.id}`, input: { desired, policy: context.policy } })
})

const forgetTenant = base.enqueueActions(({ context, event, enqueue, self }) => {
  if (event.type !== 'tenant.forget') return
  const child = self.getSnapshot().children[`tenant:${event.tenantId}`]
  if (child) enqueue.sendTo(child, { type: 'tenant.vanish' })
  else enqueue.assign({ desired: without(context.desired, event.tenantId) })
  enqueue.cancel(`respawn:${event.tenantId}`)
})

const tellTenants = base.enqueueActions(({ event, enqueue, self }) => {
  if (event.type !== 'tenants.tell') return
  for (const child of Object.values(self.getSnapshot().children)) if (child) enqueue.sendTo(child, event.command)
})

// A finished or crashed child stays among the children until it is stopped.
const removeTenant = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('output' in event)) return
  enqueue.stopChild(event.actorId)
  enqueue.assign({
    desired: without(context.desired, event.output.tenantId),
    crashes: without(context.crashes, event.output.tenantId),
  })
})

const replaceTenant = base.enqueueActions(({ context, event, enqueue }) => {
  if (!('error' in event)) return
  const tenantId = toTenantId(event.actorId)
  const reason = errorText(event.error)
  const verdict = decideRestart(context.crashes[tenantId] ?? [], Date.now(), context.policy)
  enqueue.stopChild(event.actorId)
  enqueue.assign({ crashes: { ...context.crashes, [tenantId]: verdict.crashes } })
  enqueue.raise(
    verdict.kind === 'restart' ? { type: 'tenant.respawn', tenantId } : { type: 'tenant.respawn', tenantId, quarantine: reason },
    { delay: verdict.kind === 'restart' ? verdict.delayMs : 0, id: `respawn:${tenantId}` },
  )
})

const respawnTenant = base.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'tenant.respawn') return
  const desired = context.desired[event.tenantId]
  if (!desired) return
  const quarantine = event.quarantine === undefined ? {} : { quarantine: event.quarantine }
  enqueue.spawnChild('tenant', { id: `tenant:${event.tenantId}`, input: { desired, policy: context.policy, ...quarantine } })
})

const endTenants = base.enqueueActions(({ context, enqueue, self }) => {
  const { children } = self.getSnapshot()
  for (const tenantId of Object.keys(context.desired)) {
    const child = children[`tenant:${tenantId}`]
    if (child) enqueue.sendTo(child, { type: 'tenant.end' })
    else enqueue.cancel(`respawn:${tenantId}`)
  }
  // Tenants that wait for a restart have nothing to finish.
  enqueue.assign({ desired: Object.fromEntries(Object.entries(context.desired).filter(([id]) => children[`tenant:${id}`] !== undefined)) })
})

const supervisorSetup = base.extend({
  actions: {
    ensureTenant,
    forgetTenant,
    tellTenants,
    removeTenant,
    replaceTenant,
    respawnTenant,
    endTenants,
    dropTenant: assign(({ context, event }) => ('error' in event ? { desired: without(context.desired, toTenantId(event.actorId)) } : {})),
    // A machine that errored has not stopped its own children: the shell releases what they hold.
    releaseTenant: () => {},
    logCrash: () => {},
  },
})

export const supervisorMachine = supervisorSetup.createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ ...input, desired: {}, crashes: {} }),
  on: { 'tenants.tell': { actions: 'tellTenants' } },
  initial: 'supervising',
  states: {
    supervising: {
      on: {
        'tenant.ensure': { actions: 'ensureTenant' },
        'tenant.forget': { actions: 'forgetTenant' },
        'tenant.respawn': { actions: 'respawnTenant' },
        'xstate.done.actor.*': { actions: ['removeTenant', 'releaseTenant'] },
        'xstate.error.actor.*': { actions: ['replaceTenant', 'releaseTenant', 'logCrash'] },
        'supervisor.end': 'ending',
      },
    },
    ending: {
      entry: 'endTenants',
      always: { guard: 'empty', target: 'ended' },
      on: {
        'xstate.done.actor.*': { actions: ['removeTenant', 'releaseTenant'] },
        'xstate.error.actor.*': { actions: ['dropTenant', 'releaseTenant', 'logCrash'] },
      },
    },
    ended: { type: 'final' },
  },
})

/** The tenant whose actor has this id. */
export const toTenantId = (actorId: string): TenantId => actorId.slice('tenant:'.length) as TenantId

function without<Value>(record: Readonly<Record<TenantId, Value>>, id: TenantId): Readonly<Record<TenantId, Value>> {
  const { [id]: _removed, ...rest } = record
  return rest as Readonly<Record<TenantId, Value>>
}
