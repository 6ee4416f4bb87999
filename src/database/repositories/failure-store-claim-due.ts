/** Takes due failed messages of all tenants for one node. */
import { randomUUID } from 'node:crypto'
import type { ClaimedRetry, ClaimOptions, RetryClaims } from '../../core/ports/failure-store.ts'
import type { RetryOrder } from '../../core/retry-policy.ts'
import type { Statements } from '../client.ts'
import { type FailedRow, failedColumns, toFailedMessage } from './failure-store-rows.ts'

/** The bodies of one call together: they are all in memory until they are published. */
const maxClaimBytes = 16 * 1024 * 1024

// Locks the first due rows of each tenant. The lock is under the limit: what another node has locked is not counted.
const lock = (order: RetryOrder, sorting: string, source: string) => `
  select d.*, row_number() over (partition by d.tenant_id order by ${sorting}) as place
  from ${source} s cross join lateral (
    select f.tenant_id, f.id, f.ctid as row_id, f.created_at, f.next_retry_at, octet_length(f.body) as bytes
    from failed_messages f
    where f.tenant_id = s.tenant_id and f.status = 'pending' and f.retry_order = '${order}' and f.next_retry_at <= now()
    order by ${sorting}
    limit s.share
    for update skip locked
  ) d`

// The tenants with pending rows are found by skipping from one to the next in the index of what is due. The rows that are
// locked are updated by their place in the table, which cannot change under the lock.
const text = `
with recursive tenants_with_pending (tenant_id) as (
  (select f.tenant_id from failed_messages f where f.status = 'pending' order by f.tenant_id, f.next_retry_at, f.id limit 1)
  union all
  select (
    select f.tenant_id from failed_messages f
    where f.status = 'pending' and f.tenant_id > p.tenant_id
    order by f.tenant_id, f.next_retry_at, f.id limit 1
  )
  from tenants_with_pending p where p.tenant_id is not null
), waiting as materialized (
  select p.tenant_id, t.status, (
    select f.next_retry_at from failed_messages f
    where f.tenant_id = p.tenant_id and f.status = 'pending' order by f.next_retry_at, f.id limit 1
  ) as earliest
  from tenants_with_pending p join tenants t on t.id = p.tenant_id and t.status in ('active', 'paused')
), due as materialized (
  select w.tenant_id, $2::integer - (
    select count(*)::integer from failed_messages f
    where f.tenant_id = w.tenant_id and f.claim is not null and (f.retried_at > now() - interval '10 minutes' or f.next_retry_at > now())
  ) as room
  from waiting w where w.earliest <= now()
), shares as materialized (
  select d.tenant_id, least(d.room, greatest(1, $1::integer / count(*) over ())) as share
  from due d where d.room > 0 order by random() limit $1
), latest as materialized (${lock('latest', 'created_at desc, id desc', 'shares')}
), rest as materialized (
  select s.tenant_id, s.share - (select count(*) from latest l where l.tenant_id = s.tenant_id) as share from shares s
), oldest as materialized (${lock('oldest', 'next_retry_at, id', 'rest')}
), picked as materialized (
  select * from (
    select l.*, coalesce(sum(l.bytes) over (order by l.place, l.tenant_id rows between unbounded preceding and 1 preceding), 0) as bytes_before
    from (
      select tenant_id, id, row_id, bytes, place from latest
      union all
      select o.tenant_id, o.id, o.row_id, o.bytes, o.place + s.share from oldest o join shares s on s.tenant_id = o.tenant_id
    ) l
  ) l where l.bytes_before < ${maxClaimBytes}
), claimed as (
  update failed_messages f
  set claim = $3, next_retry_at = now() + $4::float8 * interval '1 millisecond', updated_at = now()
  where f.ctid = any (array(select p.row_id from picked p))
  returning ${[...failedColumns, 'trace'].map((column) => `f.${column}`).join(', ')}
), later as (
  select min((
    select f.next_retry_at from failed_messages f
    where f.tenant_id = w.tenant_id and f.status = 'pending' and f.next_retry_at > now() order by f.next_retry_at, f.id limit 1
  )) as next_due_at
  from waiting w
)
select exists (
         select from due d where exists (
           select from failed_messages f
           where f.tenant_id = d.tenant_id and f.status = 'pending' and f.next_retry_at <= now()
           order by f.next_retry_at, f.id
           offset (select count(*) from picked p where p.tenant_id = d.tenant_id)
         )
       ) as more,
       (select extract(epoch from l.next_due_at - now())::float8 * 1000 from later l) as next_due_in_ms,
       (select extract(epoch from now() - min(w.earliest))::float8 * 1000 from waiting w
        where w.status = 'active' and w.earliest <= now()) as oldest_due_ms,
       c.*
from (select) as once left join (claimed c join picked p on p.tenant_id = c.tenant_id and p.id = c.id) on true
order by p.place, c.tenant_id`

type ClaimedRow = FailedRow & { readonly trace: string | null }
type ClaimRow = { readonly more: boolean; readonly next_due_in_ms: number | null; readonly oldest_due_ms: number | null } & (
  | ClaimedRow
  | { readonly tenant_id: null }
)

/**
 * Takes due messages of active and paused tenants until the lease ends. A tenant gets an even share of the limit, and no
 * more than its queue may still take. `nextDueInMs` is about what is not due yet; what is due and was not taken is `more`. A paused
 * tenant is not late: its queue takes its share, and the rest waits for the tenant.
 *
 * What was retried ten minutes ago counts no more: a queue that has lost it would keep the tenant from its other retries.
 *
 * Nodes that claim at the same moment do not see each other's claims: together they may exceed `maxInQueue` once.
 *
 * Units:  a few index look-ups for each tenant with pending rows, however many those are.
 * Errors: AppError `database.unavailable`.
 */
export async function claimDue(client: Statements, options: ClaimOptions): Promise<RetryClaims> {
  const claim = randomUUID()
  const values = [options.limit, options.maxInQueue, claim, options.leaseMs]
  const rows = (await client.run(text, values)) as unknown as readonly ClaimRow[]
  const readyAtMs = Date.now()
  const claimed = rows.flatMap((row) => (row.tenant_id === null ? [] : (toClaimedRetry(row, claim, readyAtMs) ?? [])))
  return {
    claimed,
    more: rows[0]?.more ?? false,
    nextDueInMs: rows[0]?.next_due_in_ms ?? undefined,
    oldestDueMs: rows[0]?.oldest_due_ms ?? undefined,
  }
}

function toClaimedRetry(row: ClaimedRow, claim: string, readyAtMs: number): ClaimedRetry | undefined {
  const failed = toFailedMessage(row)
  // The table has no pending row without a type.
  if (failed.type === null) return undefined
  const message = {
    tenantId: failed.tenantId,
    id: failed.id,
    type: failed.type,
    priority: failed.priority,
    key: failed.key,
    createdAtMs: failed.createdAt.getTime(),
    readyAtMs,
    attempt: failed.attempts + 1,
    firstAttempt: row.first_attempt,
    ...(row.trace === null ? {} : { trace: row.trace }),
    body: row.body.toString('utf8'),
  }
  return { claim, failed, message }
}
