/** The commands an operator gives for a tenant: each changes the desired state, tells everybody, and waits for the actors. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Broker } from '../core/ports/broker.ts'
import type { DueHints } from '../core/ports/due-hints.ts'
import type { EngineApi, TenantView } from '../core/ports/engine-api.ts'
import type { Hints, Nodes, TenantChange, TenantStore, Tombstone } from '../core/ports/tenant-store.ts'
import type { DesiredTenant, Tenant } from '../core/tenant.ts'
import { type Convergence, eventually } from './convergence.ts'
import type { DesiredCache } from './desired-cache.ts'
import type { Publishing } from './publishing.ts'
import type { TenantViews } from './tenant-views.ts'

export interface TenantCommandServices {
  readonly tenants: TenantStore
  readonly nodes: Nodes
  readonly hints: Hints
  readonly dueHints: Pick<DueHints, 'announce'>
  readonly broker: Broker
  readonly desired: DesiredCache
  readonly convergence: Convergence
  readonly views: TenantViews
  readonly publishing: Publishing
  readonly runsTenants: boolean
  readonly defaultWorkers: number
  /** Tells this node's own actors. */
  readonly tell: (desired: DesiredTenant) => void
  /** The tenant is on its way out: nobody may act for it any more. */
  readonly onDeleting: (id: TenantId) => void
  /** Deliveries that this node's actor of the tenant holds. */
  readonly inFlight: (id: TenantId) => number
}

type Commands = Pick<EngineApi, 'createTenant' | 'changeTenant' | 'resizeTenant' | 'drainTenant' | 'deleteTenant'>

const createDeadlineMs = 15_000
const followDeadlineMs = 5_000
/** After its deadline a draining deletion still has to detach, and to remove queues and partition. */
const purgeDeadlineMs = 30_000

export function createTenantCommands(services: TenantCommandServices): Commands {
  const { tenants, nodes, hints, broker, desired: cache, convergence, views, publishing } = services

  const adopt = async (id: TenantId): Promise<DesiredTenant> => {
    const desired = await tenants.desiredOf(id)
    if (!desired) throw missing(id)
    cache.put(desired)
    services.tell(desired)
    hints.announce(id)
    return desired
  }

  const change = async (id: TenantId, wanted: TenantChange, expectedVersion?: number): Promise<TenantView> => {
    const tenant = await tenants.update(id, wanted, expectedVersion)
    if (!tenant) throw missing(id)
    return whileFollowing(async () => {
      const desired = await adopt(id)
      // What became due while the tenant took nothing goes now.
      if (wanted.status === 'active' || wanted.status === 'paused') services.dueHints.announce(Date.now())
      const touchesActors = wanted.status !== undefined || wanted.workers !== undefined || wanted.restart === true
      if (touchesActors && wanted.status !== 'drained') await convergence.reached(desired, followDeadlineMs)
      return views.toView(tenant)
    })
  }

  const someoneRunsTenants = async (): Promise<boolean> => services.runsTenants || (await nodes.otherWorkers()) > 0

  const awaitCreated = async (desired: DesiredTenant): Promise<void> => {
    if (!(await someoneRunsTenants())) {
      // No node would make the queue: make it, so that messages can wait in it.
      await broker.declareTenant(desired.id)
      return
    }
    // One node that serves it is enough: another may have trouble of its own.
    if (await convergence.reached(desired, createDeadlineMs, 'some')) return
    const { state, stateReason } = await views.runtimeOf(desired.id)
    throw new AppError('tenant.not_converged', `the tenant could not be set up in time: ${stateReason ?? state}`, {
      retryable: true,
      scope: 'tenant',
    })
  }

  // A creation that fails is undone, and its name is free at once, so that it can be tried again.
  const undo = async (id: TenantId): Promise<void> => {
    await tenants.update(id, { name: `undone ${id}`, status: 'deleting', deletion: { mode: 'discard', deadlineAtMs: Date.now() } })
    await adopt(id)
  }

  // Where no node runs tenants, this one removes what is left: at once when there is nothing to finish, else at the deadline,
  // since the nodes that would finish it may be restarting.
  const purgeWhenAlone = async (id: TenantId, isEmpty: boolean): Promise<void> => {
    const deletion = (await tenants.desiredOf(id))?.deletion
    if (!deletion || (deletion.mode === 'drain' && !isEmpty && Date.now() < deletion.deadlineAtMs)) return
    if (await someoneRunsTenants()) return
    await tenants.whileDeleting(id, async () => {
      const { discarded, queues } = await broker.deleteTenant(id)
      await tenants.remove(id, discarded, queues)
    })
  }

  const awaitDeleted = async (id: TenantId, isEmpty: boolean, deadlineMs: number): Promise<Tombstone> => {
    let tombstone: Tombstone | undefined
    await eventually(async () => {
      if (!services.runsTenants) await purgeWhenAlone(id, isEmpty)
      tombstone = await tenants.tombstone(id)
      return tombstone !== undefined
    }, deadlineMs)
    if (tombstone !== undefined) return tombstone
    throw new AppError('tenant.not_converged', 'the tenant is marked for deletion, but nobody has finished it yet; it goes on by itself', {
      retryable: true,
      scope: 'tenant',
    })
  }

  // A deletion under way is joined; `discard` hurries one that drains.
  const markDeleting = async (id: TenantId, mode: 'drain' | 'discard', deadlineMs: number): Promise<void> => {
    try {
      await tenants.update(id, { status: 'deleting', deletion: { mode, deadlineAtMs: Date.now() + deadlineMs } })
      services.onDeleting(id)
      await whileFollowing(() => adopt(id))
    } catch (error) {
      if (!(error instanceof AppError && (error.code === 'tenant.deleting' || error.code === 'tenant.missing'))) throw error
    }
  }

  const pending = async (id: TenantId): Promise<{ ready: number; inFlight: number }> => {
    const { ready } = await broker.depth(id)
    return { ready, inFlight: services.inFlight(id) }
  }

  return {
    async createTenant(draft) {
      const tenant: Tenant = await tenants.create({
        id: randomUUIDv7() as TenantId,
        name: draft.name,
        description: draft.description ?? null,
        status: draft.status ?? 'active',
        workers: draft.workers ?? services.defaultWorkers,
        config: draft.config ?? {},
      })
      try {
        await awaitCreated(await adopt(tenant.id))
        const { ids: messageIds } = await publishing.publish(tenant.id, draft.messages ?? [])
        return { tenant: await views.toView(tenant), messageIds }
      } catch (error) {
        await undo(tenant.id).catch(() => undefined)
        throw error
      }
    },

    async changeTenant(id, wanted, expectedVersion) {
      // Resuming is how an operator brings a quarantined tenant back before its probation ends.
      const pardoned = wanted.status === 'active' && (await views.runtimeOf(id)).state === 'quarantined'
      return change(id, pardoned ? { ...wanted, restart: true } : wanted, expectedVersion)
    },

    async resizeTenant(id, workers) {
      const before = await tenants.find(id)
      if (!before) throw missing(id)
      const { currentWorkers } = await change(id, { workers })
      return { workers, previousWorkers: before.workers, currentWorkers }
    },

    async drainTenant(id) {
      if (!(await tenants.find(id))) throw missing(id)
      // Counted before anything moves: what is on its way from the queue to a worker would be counted twice.
      const remaining = await pending(id)
      return { tenant: await change(id, { status: 'drained' }), remaining }
    },

    async deleteTenant(id, mode, deadlineMs) {
      const tenant = await tenants.find(id)
      if (!tenant) throw missing(id)
      const before = await pending(id).catch(() => ({ ready: 0, inFlight: 0 }))
      await markDeleting(id, mode, deadlineMs)
      const isEmpty = before.ready + before.inFlight === 0
      const { discarded, certificate } = await whileFollowing(() => awaitDeleted(id, isEmpty, deadlineMs + purgeDeadlineMs))
      cache.remove(id)
      return { drained: Math.max(0, before.ready + before.inFlight - discarded), discarded, certificate }
    },
  }
}

/**
 * What goes wrong once a change is stored does not undo it: the nodes follow when they can.
 *
 * Errors: those of `follow`; for one that passes, say since the database is away, `tenant.not_converged` with it as its cause.
 */
async function whileFollowing<T>(follow: () => Promise<T>): Promise<T> {
  try {
    return await follow()
  } catch (error) {
    if (!(error instanceof AppError && error.retryable) || error.code === 'tenant.not_converged') throw error
    const text = `the change is stored, and goes on by itself; what follows it failed: ${error.message}`
    throw new AppError('tenant.not_converged', text, { retryable: true, scope: 'tenant', cause: error })
  }
}

const missing = (id: TenantId): AppError => new AppError('tenant.missing', `there is no tenant ${id}`, { scope: 'tenant' })
