/** The shells a tenant invokes around its queue: make it exist, see it empty, remove it. */
import { type CallbackActorLogic, fromCallback, fromPromise, type PromiseActorLogic } from 'xstate'
import type { TenantId } from '../../src/core/ids.ts'
import type { ActorPorts } from '../ports.ts'
import type { Sessions } from './sessions.ts'

type Admit = <T>(work: () => Promise<T>) => Promise<T>

export type ProvisionLogic = PromiseActorLogic<void, { tenantId: TenantId }>

/** Resolves when the tenant's partition and queues exist. */
export function createProvision(ports: Pick<ActorPorts, 'broker' | 'tenants'>, admit: Admit): ProvisionLogic {
  return fromPromise(({ input: { tenantId }, signal }) =>
    admit(async () => {
      signal.throwIfAborted()
      await ports.tenants.ensurePartition(tenantId)
      await ports.broker.declareTenant(tenantId)
      // The tenant was deleted meanwhile, by a node that did not know of this one: nobody else would remove what was made.
      if ((await ports.tenants.desiredOf(tenantId)) === undefined) await removeEverything(ports, tenantId)
    }),
  )
}

export type WatchQueueLogic = CallbackActorLogic<{ type: 'watch.stop' }, { tenantId: TenantId }>

const watchIntervalMs = 100

/** Reports `queue.emptied` when nothing is ready in the queue and nothing of it is in flight here, twice in a row. */
export function createWatchQueue(ports: Pick<ActorPorts, 'broker'>, sessions: Sessions): WatchQueueLogic {
  return fromCallback(({ input, sendBack }) => {
    const session = sessions.find(input.tenantId)
    let stopped = false
    let emptyBefore = false
    let timer: NodeJS.Timeout | undefined
    const look = async (): Promise<void> => {
      const { ready } = await ports.broker.depth(input.tenantId).catch(() => ({ ready: 1 }))
      if (stopped || session?.ended) return
      const empty = ready === 0 && (session?.inFlight ?? 0) === 0
      // A queue's own count lags a moment behind what it has handed out.
      if (empty && emptyBefore) sendBack({ type: 'queue.emptied' })
      else timer = setTimeout(look, watchIntervalMs)
      emptyBefore = empty
    }
    void look()
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  })
}

export type PurgeLogic = PromiseActorLogic<'purged' | 'busy', { tenantId: TenantId }>

/**
 * The last step of a deletion: queues, partition, row. Any number of nodes may try; one of them does it, when no other
 * still holds the tenant. Every step may be repeated, so a crash in the middle is finished by whoever comes next.
 */
export function createPurge(ports: Pick<ActorPorts, 'broker' | 'tenants' | 'nodes' | 'nodeId'>, admit: Admit): PurgeLogic {
  return fromPromise(({ input: { tenantId }, signal }) =>
    admit(async () => {
      signal.throwIfAborted()
      const holders = await ports.nodes.reportsOf([tenantId])
      if (holders.some(({ nodeId, state }) => nodeId !== ports.nodeId && state !== 'deleting')) return 'busy'
      return (await removeEverything(ports, tenantId)) ? 'purged' : 'busy'
    }),
  )
}

/** Queues, partition, row. undefined when another node is at it. */
function removeEverything(ports: Pick<ActorPorts, 'broker' | 'tenants'>, tenantId: TenantId): Promise<true | undefined> {
  return ports.tenants.whileDeleting(tenantId, async () => {
    const { discarded, queues } = await ports.broker.deleteTenant(tenantId)
    await ports.tenants.remove(tenantId, discarded, queues)
    return true as const
  })
}
