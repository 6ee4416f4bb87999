/** Finds a message in a queue by its own id, which is in a job's data, among those that are claimed next. */
import type { QueuePlace } from '../../core/ports/broker.ts'
import type { Database } from './database.ts'

/** An index on the ids would cost every publish; the jobs that are claimed next are read instead, by the index made for claiming. */
const mostRead = 1_000
/** As stored: to read an id is to read the job's whole data, which other tenants' publishes wait for. */
const mostBytes = 2 * 1_024 * 1_024

interface PlaceRow {
  readonly ahead: string | null
  readonly isCut: boolean
  readonly delivered: boolean
}

/** The place is that of the next claim: by priority, then by age. A message that is not among those that are read is unknowable. */
export function createFindMessage(database: Database, schema: string): (queue: string, messageId: string) => Promise<QueuePlace> {
  return async (queue, messageId) => {
    const { rows } = await database.query<PlaceRow>(
      `WITH next AS (
         SELECT data, row_number() OVER so_far - 1 AS ahead, sum(pg_column_size(data)) OVER so_far <= ${mostBytes} AS fits FROM (
           SELECT data FROM ${schema}.job_common
           WHERE name = $1 AND state < 'active' AND NOT blocked
           ORDER BY priority DESC, created_on LIMIT ${mostRead}) claimed_next
         WINDOW so_far AS (ROWS UNBOUNDED PRECEDING))
       SELECT
         min(ahead) FILTER (WHERE CASE WHEN fits THEN data->>'id' = $2 END) AS ahead,
         count(*) = ${mostRead} OR NOT coalesce(bool_and(fits), true) AS "isCut",
         EXISTS (SELECT FROM ${schema}.job_common j WHERE j.name = $1 AND j.state = 'active' AND j.data->>'id' = $2) AS delivered
       FROM next`,
      [queue, messageId],
    )
    return toPlace(rows[0])
  }
}

function toPlace(row: PlaceRow | undefined): QueuePlace {
  if (!row) return { kind: 'missing' }
  const { ahead, isCut, delivered } = row
  if (ahead !== null) return { kind: 'waiting', ahead: Number(ahead) }
  if (delivered) return { kind: 'delivered' }
  return { kind: isCut ? 'unknowable' : 'missing' }
}
