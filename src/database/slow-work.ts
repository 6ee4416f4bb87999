/** Keeps what may take long from taking every connection: the ledger needs some of the same pool. */
import type { TenantId } from '../core/ids.ts'
import type { DatabaseClient } from './client.ts'
import { createTurns, type Turns } from './turns.ts'

/**
 * Of the pool's connections at most so many are busy with
 *
 * | lists and counts         | a third | `read`       |
 * | batches of commands      | a sixth | `batch`      |
 * | dead letters and hooks   | a sixth | `background` |
 *
 * and one with each in a small pool. None of them waits for another. Of each 100 wait for their turn, for ten seconds at most;
 * the background may be as many as are in memory anyway, and wait for 20.
 *
 * Errors: those of the work; AppError `database.unavailable` when it does not get its turn.
 */
export interface SlowWork {
  readonly read: Turns
  /** One command of many batches of a tenant at a time. Each of them is given to `batch`: between two, others have their turn. */
  command<T>(tenantId: TenantId, work: () => Promise<T>): Promise<T>
  readonly batch: Turns
  readonly background: Turns
}

const waiting = { maxWaiting: 100, maxWaitMs: 10_000 }

export function createSlowWork({ pool }: Pick<DatabaseClient, 'pool'>): SlowWork {
  const share = (part: number): number => Math.max(1, Math.floor((pool.options.max ?? 10) / part))
  const ofTenants = new Map<TenantId, { readonly turns: Turns; users: number }>()

  return {
    read: createTurns({ ...waiting, places: share(3), doing: 'lists are being read' }),
    batch: createTurns({ ...waiting, places: share(6), doing: 'failed messages are being changed' }),
    background: createTurns({
      places: share(6),
      maxWaiting: Number.POSITIVE_INFINITY,
      maxWaitMs: 20_000,
      doing: 'dead letters are being stored',
    }),
    async command(tenantId, work) {
      const turns = createTurns({ ...waiting, places: 1, doing: 'failed messages of this tenant are being changed' })
      const own = ofTenants.get(tenantId) ?? { turns, users: 0 }
      ofTenants.set(tenantId, own)
      own.users += 1
      try {
        return await own.turns(work)
      } finally {
        own.users -= 1
        if (own.users === 0) ofTenants.delete(tenantId)
      }
    },
  }
}
