/** What becomes of failed messages that a node has claimed, or has put in a queue. */

import { toStorable } from '../../core/failure.ts'
import type { TenantId } from '../../core/ids.ts'
import type { ClaimedRetry } from '../../core/ports/failure-store.ts'
import { toPlainArray } from '../array-literal.ts'
import type { Statements } from '../client.ts'

// These touch no message, so they must not wait while they hold a row: one that somebody else has locked is being given
// its outcome, or another turn, at this moment, and what is to be said here does not hold any more. `offset 0` keeps the
// conditions outside, so that each row is found by its key: before the table has statistics, the planner would read all that is
// pending.
const claimedRows = `
with mine as materialized (
  select f.row_id
  from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as r (tenant_id, id, claim) cross join lateral (
    select f.ctid as row_id, f.claim, f.status from failed_messages f where f.tenant_id = r.tenant_id and f.id = r.id
    offset 0 for update skip locked
  ) f
  where f.claim = r.claim and f.status = 'pending'
)`

const markRetried = `${claimedRows}
update failed_messages
set status = 'retried', next_retry_at = null, retried_at = now(), retry_count = retry_count + 1, updated_at = now()
where ctid = any (array(select row_id from mine))`

const makeDueAgain = `${claimedRows}
update failed_messages
set claim = null, next_retry_at = now() + $4::float8 * interval '1 millisecond', updated_at = now()
where ctid = any (array(select row_id from mine))`

// The message's lock comes first, as in the ledger's statement. The updates ask for no status: they would ask for the one from
// before the lock. Nor does what locks the failed message, so that it is found by its key.
const closeClaimed = `
with message as materialized (
  select m.id from messages m where m.tenant_id = $1 and m.id = $2 for update
), locked as materialized (
  select f.claim, f.status from failed_messages f
  where f.tenant_id = $1 and f.id = $2 and (select count(*) from message) >= 0 for update
), failed as (
  update failed_messages f
  set status = 'permanently_failed', next_retry_at = null, claim = null, reason = $4, first_attempt = f.attempts + 1,
      updated_at = now(), closed_at = now()
  from locked l
  where f.tenant_id = $1 and f.id = $2 and l.claim = $3 and l.status = 'pending'
  returning f.id
)
update messages m set status = case m.status when 'retrying' then 'failed' else m.status end
from failed f where m.tenant_id = $1 and m.id = f.id`

const findOverdue = `
select distinct f.tenant_id from failed_messages f
where f.claim is not null and f.status = 'retried' and f.retried_at <= now() - $1::float8 * interval '1 millisecond'`

const makeOverdueDue = `
with lost as materialized (
  select f.ctid as row_id from failed_messages f
  where f.tenant_id = $1 and f.claim is not null and f.status = 'retried'
    and f.retried_at <= now() - $2::float8 * interval '1 millisecond'
  for update skip locked
)
update failed_messages
set status = 'pending', next_retry_at = now(), claim = null, retried_at = null, updated_at = now()
where ctid = any (array(select row_id from lost))
returning 1`

export async function markRepublished(client: Statements, claims: readonly ClaimedRetry[]): Promise<void> {
  if (claims.length > 0) await client.run(markRetried, toKeys(claims))
}

export async function giveBackClaims(client: Statements, claims: readonly ClaimedRetry[], delayMs: number): Promise<void> {
  if (claims.length > 0) await client.run(makeDueAgain, [...toKeys(claims), delayMs])
}

export async function giveUpClaim(client: Statements, { failed, claim }: ClaimedRetry, reason: string): Promise<void> {
  await client.run(closeClaimed, [failed.tenantId, failed.id, claim, toStorable(reason)])
}

export async function findOverdueTenants(client: Statements, olderThanMs: number): Promise<readonly TenantId[]> {
  return (await client.run(findOverdue, [olderThanMs])).map((row) => row.tenant_id as TenantId)
}

export async function recoverLost(client: Statements, tenantId: TenantId, olderThanMs: number): Promise<number> {
  return (await client.run(makeOverdueDue, [tenantId, olderThanMs])).length
}

const toKeys = (claims: readonly ClaimedRetry[]): readonly string[] => [
  toPlainArray(claims.map(({ failed }) => failed.tenantId)),
  toPlainArray(claims.map(({ failed }) => failed.id)),
  toPlainArray(claims.map(({ claim }) => claim)),
]
