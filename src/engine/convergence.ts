/** Waits, for a bounded time, until the actors have followed a change of desired state: here, or on whichever nodes run the tenant. */
import type { TenantStatusReport } from '../../actors/index.ts'
import type { Nodes, TenantReport } from '../core/ports/tenant-store.ts'
import type { DesiredTenant } from '../core/tenant.ts'
import type { StatusBoard } from './status-board.ts'

export interface Convergence {
  /** Resolves true when the tenant has followed: on this node, or, on one that runs none, on every other (`some`: on one of them). */
  reached(desired: DesiredTenant, deadlineMs: number, where?: 'every' | 'some'): Promise<boolean>
}

const pollMs = 50

export function createConvergence(board: StatusBoard, nodes: Nodes, runsTenants: boolean): Convergence {
  const followed =
    ({ version }: DesiredTenant) =>
    (status: TenantStatusReport | undefined): boolean =>
      status?.settled === true && status.version >= version

  // Reports do not carry versions: what they show must be what is wanted.
  const followedElsewhere = async (desired: DesiredTenant, where: 'every' | 'some'): Promise<boolean> => {
    const reports = await nodes.reportsOf([desired.id])
    return reports.length > 0 && reports[where]((report) => isWanted(report, desired))
  }

  return {
    async reached(desired, deadlineMs, where = 'every') {
      if (runsTenants) return board.until(desired.id, followed(desired), deadlineMs)
      return eventually(() => followedElsewhere(desired, where), deadlineMs)
    },
  }
}

function isWanted({ state, currentWorkers }: TenantReport, desired: DesiredTenant): boolean {
  if (desired.status === 'drained') return state === 'stopped'
  return state === (desired.status === 'active' ? 'running' : 'paused') && currentWorkers === desired.workers
}

/** Asks again and again until the answer is true (resolves true) or the deadline has passed (false). */
export async function eventually(ask: () => Promise<boolean>, deadlineMs: number): Promise<boolean> {
  const deadlineAt = performance.now() + deadlineMs
  for (;;) {
    if (await ask()) return true
    if (performance.now() + pollMs > deadlineAt) return false
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
