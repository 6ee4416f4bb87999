/** Keeps what may take long, or comes in crowds, from taking every connection: the ledger needs some of the same pool. */
import type { TenantId } from '../core/ids.ts'
import type { DatabaseClient } from './client.ts'
import { createTurns, type Turns } from './turns.ts'

/**
 * Of the pool's connections at most so many are busy with
 *
 * | lists and counts                | a third | `read`       |
 * | batches of commands             | a sixth | `batch`      |
 * | dead letters and hooks          | a sixth | `background` |
 * | looking up whose credentials    | a third | `lookUp`     |
 *
 * and one with each in a small pool. None of them waits for another. Reads and batches are given with their tenant, which leaves
 * a place to the others, where there is more than one. Of each, and of each tenant's, 100 wait for their turn, for ten seconds at
 * most; of look-ups, which are short, 1,000 for five; the background may be as many as are in memory anyway, and wait for 20.
 *
 * Errors: those of the work; AppError `database.unavailable` when it does not get its turn.
 */
export interface SlowWork {
  readonly read: Turns
  /** One command of many batches of a tenant at a time. Each of them is given to `batch`: between two, others have their turn. */
  command<T>(tenantId: TenantId, work: () => Promise<T>): Promise<T>
  readonly batch: Turns
  readonly background: Turns
  /** Strangers decide how many there are: wrong credentials have to be looked up as well. */
  readonly lookUp: Turns
}

const waiting = { maxWaiting: 100, maxWaitMs: 10_000 }

export function createSlowWork({ pool }: Pick<DatabaseClient, 'pool'>): SlowWork {
  const share = (part: number): number => Math.max(1, Math.floor((pool.options.max ?? 10) / part))
  const fairShare = (part: number) => ({ places: share(part), placesOfOne: Math.max(1, share(part) - 1) })
  const commands = createTurns({
    ...waiting,
    places: Number.POSITIVE_INFINITY,
    placesOfOne: 1,
    doing: 'failed messages of this tenant are being changed',
  })
  return {
    read: createTurns({ ...waiting, ...fairShare(3), doing: 'lists are being read' }),
    batch: createTurns({ ...waiting, ...fairShare(6), doing: 'failed messages are being changed' }),
    background: createTurns({
      places: share(6),
      maxWaiting: Number.POSITIVE_INFINITY,
      maxWaitMs: 20_000,
      doing: 'dead letters are being stored',
    }),
    lookUp: createTurns({ places: share(3), maxWaiting: 1_000, maxWaitMs: 5_000, doing: 'credentials are being looked up' }),
    command: (tenantId, work) => commands(work, tenantId),
  }
}
