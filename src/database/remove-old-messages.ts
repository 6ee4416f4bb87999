/** Removes a tenant's old messages, oldest first, a bounded piece of the index at a time. */
import type { TenantId } from '../core/ids.ts'
import type { RunStatement } from './client.ts'

/** How far one statement reads: messages that are being retried stay, so there may be many before one that goes. */
export const maxReadRows = 10_000

interface Place {
  readonly createdAtMicros: string
  readonly id: string
}

const start: Place = { createdAtMicros: '0', id: '00000000-0000-0000-0000-000000000000' }

/**
 * Makes a function that removes at most `limit` messages and returns how many; fewer than `limit` means that no more are old enough.
 *
 * It goes on where its last call for the tenant ended, until it has come to the end: then the next call begins anew.
 * Errors: AppError `database.unavailable`.
 */
export function createMessageRemoval(run: RunStatement): (tenantId: TenantId, olderThanMs: number, limit: number) => Promise<number> {
  const places = new Map<TenantId, Place>()
  return async (tenantId, olderThanMs, limit) => {
    let removed = 0
    while (removed < limit) {
      const place = places.get(tenantId) ?? start
      const values = [tenantId, olderThanMs, place.createdAtMicros, place.id]
      const room = limit - removed
      const [batch] = await run(removal, [...values, room])
      removed += Number(batch?.removed)
      const end = Number(batch?.found) < room ? (await run(endOfRead, values))[0] : batch
      if (end === undefined) {
        places.delete(tenantId)
        return removed
      }
      places.set(tenantId, { createdAtMicros: String(end.micros), id: String(end.id) })
    }
    return removed
  }
}

const old = `
from messages
where tenant_id = $1 and created_at < now() - $2 * interval '1 millisecond'
  and (created_at, id) > (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::uuid)
order by created_at, id`

const micros = '(extract(epoch from created_at) * 1000000)::bigint::text as micros'

// Read lazily: the outer limit ends the scan. The status is asked again because an operator may retry a failed one meanwhile.
/** $1 tenant, $2 age in milliseconds, $3 and $4 the place to begin after, $5 how many. */
export const removal = `
with found as materialized (
  select id, created_at from (select id, created_at, status ${old} limit ${maxReadRows}) piece where status <> 'retrying' limit $5
), removed as (
  delete from messages where tenant_id = $1 and id = any (array(select id from found)) and status <> 'retrying' returning id
)
select (select count(*) from removed) as removed, (select count(*) from found) as found, id, ${micros}
from (select 1) one left join (select id, created_at from found order by created_at desc, id desc limit 1) last on true`

/** Where a full read ends; no row when the end of what is old was reached. */
export const endOfRead = `select id, ${micros} ${old} offset ${maxReadRows - 1} limit 1`
