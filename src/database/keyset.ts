/** Places in lists ordered by (created_at, id), newest first, to the microsecond that PostgreSQL keeps and a Date does not. */
import { type RawBuilder, sql } from 'kysely'

export interface Position {
  readonly createdAtMicros: string
  readonly id: string
}

/** The place of a row, to be selected beside it. */
export const createdAtMicros = sql<string>`(extract(epoch from created_at) * 1000000)::bigint::text`

/** True for the rows that come after the place, in a list newest first. */
export const isAfter = (position: Position): RawBuilder<boolean> =>
  sql<boolean>`(created_at, id) < (timestamptz 'epoch' + ${position.createdAtMicros}::bigint * interval '1 microsecond', ${position.id}::uuid)`
