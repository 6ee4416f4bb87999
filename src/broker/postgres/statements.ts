/** Our own SQL on pg-boss's tables: what its API has no call for, or only at a price per queue. */
import type { QueuePlace } from '../../core/ports/broker.ts'
import type { Database } from './database.ts'
import { createFindMessage } from './find-message.ts'
import type { Claim } from './job.ts'

export interface QueueScan {
  readonly name: string
  /** The queue does not exist. */
  readonly gone: boolean
  /** It has a job to fetch. */
  readonly ready: boolean
}

export interface DepthRow {
  readonly exists: boolean
  readonly ready: number
  readonly unacked: number
  readonly dlq: number
}

export interface Statements {
  /** Which of these queues are gone or have jobs to fetch; the others are left out. */
  scan(queues: readonly string[]): Promise<readonly QueueScan[]>
  depth(queue: string, deadLetterQueue: string): Promise<DepthRow>
  /** Where the message is in the queue. */
  find(queue: string, messageId: string): Promise<QueuePlace>
  /** Which of these queues exist. */
  existing(queues: readonly string[]): Promise<readonly string[]>
  /** Deletes the queue's jobs; returns how many of them were waiting. */
  purge(queue: string): Promise<number>
  /** Deletes the jobs of claims that still hold. */
  remove(queue: string, claims: readonly Claim[]): Promise<void>
  /** Puts the jobs of claims that still hold back in their queue. */
  release(queue: string, claims: readonly Claim[]): Promise<void>
  /** Says that claims are still held. */
  touch(queue: string, claims: readonly Claim[]): Promise<void>
  /** Makes what pg-boss's schema lacks for these statements. Idempotent. */
  prepare(): Promise<void>
  /** Gives every claimed job back to its queue. Only for a node that knows it is alone. Returns how many. */
  releaseAll(): Promise<number>
  /** Gives claimed jobs without a heartbeat back, unless another node is at it. Returns how many. */
  releaseLapsed(): Promise<number>
}

/** Shape: `schema` is a checked identifier. States before `active` are created and retry; queues that are not partitioned are in `job_common`. */
export function createStatements(database: Database, schema: string): Statements {
  // pg-boss's own calls name the jobs with `name = … AND id = ANY (…)`; while statistics are behind, which they are in a
  // burst, the planner answers that by reading the whole backlog. A lateral lookup leaves it only the primary key.
  const held = `state = 'active' AND ctid = ANY (ARRAY (
    SELECT found.ctid FROM unnest($2::uuid[], $3::int[]) AS claim (id, retry_count)
    CROSS JOIN LATERAL (
      SELECT j.ctid FROM ${schema}.job_common j
      WHERE j.name = $1 AND j.id = claim.id AND j.retry_count = claim.retry_count AND j.state = 'active' LIMIT 1) found))`

  const onClaims = (statement: string) => async (queue: string, claims: readonly Claim[]) => {
    await database.query(`${statement} WHERE ${held}`, [queue, claims.map((claim) => claim.id), claims.map((claim) => claim.retryCount)])
  }

  return {
    remove: onClaims(`DELETE FROM ${schema}.job_common`),
    release: onClaims(`UPDATE ${schema}.job_common SET state = 'retry', heartbeat_on = NULL`),
    touch: onClaims(`UPDATE ${schema}.job_common SET heartbeat_on = now()`),
    async scan(queues) {
      // One index probe per queue, whatever the backlog is.
      const { rows } = await database.query<{ name: string; gone: boolean; ready: boolean }>(
        `SELECT * FROM (
           SELECT c.name, q.name IS NULL AS gone, EXISTS (
             SELECT FROM ${schema}.job j WHERE j.name = c.name AND j.state < 'active' AND NOT j.blocked) AS ready
           FROM unnest($1::text[]) AS c (name) LEFT JOIN ${schema}.queue q ON q.name = c.name
         ) s WHERE gone OR ready`,
        [queues],
      )
      return rows
    },
    async depth(queue, deadLetterQueue) {
      const { rows } = await database.query<{ exists: boolean; ready: string; unacked: string; dlq: string }>(
        `SELECT EXISTS (SELECT FROM ${schema}.queue WHERE name = $1) AS exists,
           count(*) FILTER (WHERE name = $1 AND state < 'active') AS ready,
           count(*) FILTER (WHERE name = $1 AND state = 'active') AS unacked,
           count(*) FILTER (WHERE name = $2) AS dlq
         FROM ${schema}.job WHERE name IN ($1, $2)`,
        [queue, deadLetterQueue],
      )
      const row = rows[0]
      return {
        exists: row?.exists ?? false,
        ready: Number(row?.ready ?? 0),
        unacked: Number(row?.unacked ?? 0),
        dlq: Number(row?.dlq ?? 0),
      }
    },
    find: createFindMessage(database, schema),
    async existing(queues) {
      const { rows } = await database.query<{ name: string }>(`SELECT name FROM ${schema}.queue WHERE name = ANY ($1)`, [queues])
      return rows.map((row) => row.name)
    },
    async purge(queue) {
      const { rows } = await database.query<{ ready: string }>(
        `WITH gone AS (DELETE FROM ${schema}.job WHERE name = $1 RETURNING state)
         SELECT count(*) FILTER (WHERE state < 'active') AS ready FROM gone`,
        [queue],
      )
      return Number(rows[0]?.ready ?? 0)
    },
    async prepare() {
      // Claims are few among what waits: without an index of their own, looking for them reads the whole backlog.
      await database.query(`CREATE INDEX IF NOT EXISTS tenantry_claimed ON ${schema}.job_common (name) WHERE state = 'active'`)
    },
    async releaseAll() {
      const { rowCount } = await database.query(
        `UPDATE ${schema}.job_common SET state = 'retry', heartbeat_on = NULL WHERE state = 'active'`,
      )
      return rowCount ?? 0
    },
    async releaseLapsed() {
      // The lock sits in a materialized CTE so that it is tried once, and nothing is scanned when it is taken.
      const { rowCount } = await database.query(
        `WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended('tenantry.broker.release.' || $1, 0)) AS mine)
         UPDATE ${schema}.job_common SET state = 'retry', heartbeat_on = NULL
         WHERE state = 'active' AND (SELECT mine FROM turn)
           AND heartbeat_on + heartbeat_seconds * interval '1 second' < now()`,
        [schema],
      )
      return rowCount ?? 0
    },
  }
}
