/** How pg-boss is set up: the queues keep every job until we delete it, and the library's own maintenance removes nothing. */
import type { ConstructorOptions, QueueOptions } from 'pg-boss'

/** A claim whose node has not said for this long that it still holds it goes back to its queue. */
const heartbeatSeconds = 20
/** A claim held for longer than this is touched, every time this has passed again. */
export const touchEveryMs = 5_000

// The columns are 32-bit integers; as seconds this is 68 years.
const largestInteger = 2_147_483_647

export const queueOptions = {
  // A job is never given up by the library: attempts are the engine's business.
  retryLimit: largestInteger,
  retryDelay: 0,
  // Waiting jobs are deleted after this; the default is 14 days.
  retentionSeconds: largestInteger,
  // 0 keeps finished jobs for ever. We delete what is acknowledged, so there are none to keep.
  deleteAfterSeconds: 0,
  // The most that pg-boss takes. Nothing enforces it: see `supervise`.
  expireInSeconds: 86_400,
  heartbeatSeconds,
} as const satisfies QueueOptions

export const bossOptions = {
  schedule: false,
  // Its supervisor scans the job table three times for each 100 queues (20 tenants × 100 at 1,000 tenants). What we need
  // of it, the return of claims without a heartbeat, is one statement of our own (statements.ts).
  supervise: false,
  migrate: true,
  // A stale entry is harmless: all queues share one table, and inserts look the queue up again.
  queueCacheIntervalSeconds: 600,
} as const satisfies ConstructorOptions
