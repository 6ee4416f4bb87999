/** How due messages are taken by one node, fairly among tenants, and how they are let go. */
import { randomUUID } from 'node:crypto'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { OutboundMessage, Priority } from '../../core/message.ts'
import type { ClaimedSchedule, ScheduleClaims } from '../../core/ports/schedule-store.ts'
import { toPlainArray } from '../array-literal.ts'
import type { Statements } from '../client.ts'

interface ClaimedRow {
  readonly tenant_id: TenantId
  readonly id: MessageId
  readonly type: string
  readonly body: string
  readonly priority: Priority
  readonly key: string | null
  readonly created_at: Date
  readonly scheduled_at: Date
  readonly trace: string | null
  /** How many a tenant could get in this call. */
  readonly share: number
  readonly oldest_due_ms: number
  /** True when bodies were too large for all that could have been claimed. */
  readonly is_cut: boolean
}

/** The bodies that one call brings into this process, with one more message at most. */
const maxBodyBytes = 16 * 1_048_576

/** Takes at most `limit` messages and 16 MiB of bodies, of each tenant its oldest. The next due time counts other nodes' leases, whose end it may be. */
export async function claimDue(client: Statements, limit: number, leaseMs: number): Promise<ScheduleClaims> {
  // Looked up first: what becomes due between the two statements is claimed, or its time has come at once.
  const [next] = await client.run(nextDue)
  const claim = randomUUID()
  const rows = (await client.run(claiming, [claim, limit, leaseMs, maxBodyBytes])) as unknown as ClaimedRow[]
  const perTenant = Map.groupBy(rows, (row) => row.tenant_id)
  return {
    claimed: rows.map((row) => ({ claim, message: toOutbound(row) })),
    more: rows[0]?.is_cut === true || rows.length >= limit || [...perTenant.values()].some((own) => own.length >= (own[0]?.share ?? limit)),
    nextDueInMs: next === undefined ? undefined : Math.max(0, Number(next.due_in_ms)),
    oldestDueMs: rows[0]?.oldest_due_ms,
  }
}

/** Forgets those that this node still holds. */
export async function releaseClaims(client: Statements, claims: readonly ClaimedSchedule[]): Promise<void> {
  if (claims.length > 0) await client.run(`delete from scheduled_messages s using ${held}`, toKeys(claims))
}

/** Makes those that this node still holds due after `delayMs`. They keep the mark of the claim: some may have been published. */
export async function giveBack(client: Statements, claims: readonly ClaimedSchedule[], delayMs: number): Promise<void> {
  if (claims.length === 0) return
  const change = `update scheduled_messages s set release_at = now() + $4 * interval '1 millisecond' from ${held}`
  await client.run(change, [...toKeys(claims), delayMs])
}

const held = `unnest($1::uuid[], $2::uuid[], $3::uuid[]) as c (tenant_id, id, claim)
where s.tenant_id = c.tenant_id and s.id = c.id and s.claim = c.claim`

const toKeys = (claims: readonly ClaimedSchedule[]) => [
  toPlainArray(claims.map(({ message }) => message.tenantId)),
  toPlainArray(claims.map(({ message }) => message.id)),
  toPlainArray(claims.map(({ claim }) => claim)),
]

function toOutbound(row: ClaimedRow): OutboundMessage {
  const createdAtMs = row.created_at.getTime()
  const dueAtMs = row.scheduled_at.getTime()
  return {
    tenantId: row.tenant_id,
    id: row.id,
    type: row.type,
    priority: row.priority,
    key: row.key,
    createdAtMs,
    // A worker looks for an outcome of earlier when the two differ; a lease that has passed means it may be published twice.
    readyAtMs: dueAtMs === createdAtMs ? createdAtMs + 1 : dueAtMs,
    attempt: 1,
    firstAttempt: 1,
    ...(row.trace === null ? {} : { trace: row.trace }),
    body: row.body,
  }
}

/** As it is indexed over all tenants. */
const time = "(release_at at time zone 'UTC')"

const nextDue = `
select ceil(extract(epoch from release_at - clock_timestamp()) * 1000)::float8 as due_in_ms
from scheduled_messages where ${time} > now() at time zone 'UTC' order by ${time} limit 1`

// `walk` reads one index entry per tenant, and nothing while no message is due. When more tenants have due messages than may
// be taken, chance decides who gets some in this call, so that no backlog, however old, keeps the others waiting. The rows are
// found by ctid because the planner cannot know how few are locked, and might read the whole table to join them.
/** $1 the claim, $2 how many, $3 the lease in milliseconds, $4 after how many bytes of bodies it stops. */
export const claiming = `
with recursive walk as (
  (select tenant_id from scheduled_messages
   where (select min(${time}) from scheduled_messages) <= now() at time zone 'UTC'
   order by tenant_id limit 1)
  union all
  select (select s.tenant_id from scheduled_messages s where s.tenant_id > walk.tenant_id order by s.tenant_id limit 1)
  from walk where walk.tenant_id is not null
), tenants_due as materialized (
  select t.id as tenant_id, first.release_at
  from walk join tenants t on t.id = walk.tenant_id and t.status in ('active', 'paused')
  cross join lateral (select min(s.release_at) as release_at from scheduled_messages s where s.tenant_id = t.id) first
  where first.release_at <= now()
), share as materialized (
  select ceil($2::float8 / greatest(1, count(*)))::integer as size,
         extract(epoch from now() - min(release_at))::float8 * 1000 as oldest_due_ms
  from tenants_due
), locked as materialized (
  select due.ctid, due.bytes from (select tenant_id from tenants_due order by random()) d
  cross join lateral (
    select s.ctid, octet_length(s.body) as bytes from scheduled_messages s
    where s.tenant_id = d.tenant_id and s.release_at <= now()
    order by s.release_at limit (select size from share) for update skip locked
  ) due
  limit $2::integer
), fitting as materialized (
  select ctid from (select ctid, sum(bytes) over (rows unbounded preceding) - bytes as bytes_before from locked) l
  where bytes_before < $4
), claimed as (
  update scheduled_messages set claim = $1, release_at = now() + $3 * interval '1 millisecond'
  where ctid = any (array(select ctid from fitting)) and release_at <= now()
  returning tenant_id, id, type, body, priority, key, created_at, scheduled_at, trace
)
select claimed.*, share.size as share, share.oldest_due_ms, (select count(*) from locked) > (select count(*) from fitting) as is_cut
from claimed, share order by scheduled_at, id`
