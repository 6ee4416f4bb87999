/** A tenant as the API shows it: the row, and what its actors are in over all nodes. */
import type { TenantId } from '../core/ids.ts'
import { tenantQueueName } from '../core/ids.ts'
import type { TenantState, TenantView } from '../core/ports/engine-api.ts'
import type { Nodes } from '../core/ports/tenant-store.ts'
import type { Tenant } from '../core/tenant.ts'
import type { StatusBoard } from './status-board.ts'

export interface TenantRuntime {
  readonly state: TenantState
  readonly stateReason: string | null
  readonly currentWorkers: number
}

export interface TenantViews {
  runtimeOf(id: TenantId): Promise<TenantRuntime>
  toView(tenant: Tenant): Promise<TenantView>
  toViews(tenants: readonly Tenant[]): Promise<readonly TenantView[]>
}

/** This node's own actor is the freshest answer; the reports of others are asked only for tenants that it does not run. */
export function createTenantViews(board: StatusBoard, nodes: Nodes): TenantViews {
  const runtimes = async (ids: readonly TenantId[]): Promise<ReadonlyMap<TenantId, TenantRuntime>> => {
    const found = new Map<TenantId, TenantRuntime>()
    for (const id of ids) {
      const own = board.get(id)
      if (own) found.set(id, { state: own.state, stateReason: own.reason, currentWorkers: own.currentWorkers })
    }
    const elsewhere = ids.filter((id) => !found.has(id))
    if (elsewhere.length === 0) return found
    for (const report of await nodes.reportsOf(elsewhere)) {
      const other = found.get(report.tenantId)
      if (other && other.currentWorkers >= report.currentWorkers) continue
      found.set(report.tenantId, {
        state: report.state as TenantState,
        stateReason: report.reason,
        currentWorkers: report.currentWorkers,
      })
    }
    return found
  }

  const toViews = async (tenants: readonly Tenant[]): Promise<readonly TenantView[]> => {
    const found = await runtimes(tenants.map(({ id }) => id))
    return tenants.map((tenant) => ({ ...tenant, ...(found.get(tenant.id) ?? unassigned), queueName: tenantQueueName(tenant.id) }))
  }

  return {
    runtimeOf: async (id) => (await runtimes([id])).get(id) ?? unassigned,
    toView: async (tenant) => (await toViews([tenant]))[0] as TenantView,
    toViews,
  }
}

const unassigned: TenantRuntime = { state: 'unassigned', stateReason: 'no node runs this tenant', currentWorkers: 0 }
