/** Reads pages that end by their size as well: rows are counted easily, but each may be large. */
import { type Expression, type RawBuilder, sql } from 'kysely'
import { type Statements, statements } from './client.ts'

/** A page ends with the row that reaches this. */
const maxPageBytes = 4 * 1024 * 1024

export interface SizedPageQuery {
  /** Selects `limit` + 1 rows, if there are so many, with `time` and `id`. */
  readonly rows: Expression<unknown>
  /** The page is ordered by this column and `id`. */
  readonly time: 'created_at' | 'scheduled_at' | 'at'
  readonly direction: 'asc' | 'desc'
  /** What a row of `page` weighs, in bytes; null weighs nothing. */
  readonly bytes: RawBuilder<number | null>
  readonly limit: number
}

export interface SizedPage<Row> {
  readonly rows: readonly Row[]
  /** There are rows after the last of these. */
  readonly hasMore: boolean
}

/**
 * At most `limit` rows, and at least one, if there is one. Rows after the end of the page are not read as a whole: what is stored
 * beside its row stays there.
 */
export async function readSizedPage<Row>(client: Statements, query: SizedPageQuery): Promise<SizedPage<Row>> {
  const { rows, bytes, limit } = query
  const time = sql.ref(query.time)
  const direction = sql.raw(query.direction)
  const isBefore = sql.raw(query.direction === 'desc' ? '>' : '<')
  // The sizes are added up one after the other until the first row that has no room is found: those after it are not looked at.
  const { sql: text, parameters } = sql`
    with page as materialized ${rows}, cut as (
      select s.${time}, s.id from (
        select ${time}, id, sum(${bytes}) over (
          order by ${time} ${direction}, id ${direction} rows between unbounded preceding and 1 preceding
        ) as bytes_before
        from page
      ) s
      where s.bytes_before >= ${maxPageBytes}
      order by s.${time} ${direction}, s.id ${direction} limit 1
    )
    select p.*, exists (select from cut) or (select count(*) from page) > ${limit} as has_more
    from page p left join cut c on true
    where c.id is null or (p.${time}, p.id) ${isBefore} (c.${time}, c.id)
    order by p.${time} ${direction}, p.id ${direction} limit ${limit}`.compile(statements)
  const found = (await client.run(text, parameters)) as unknown as readonly (Row & { readonly has_more: boolean })[]
  return { rows: found, hasMore: found[0]?.has_more === true }
}
