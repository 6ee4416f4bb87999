/** What operators do to failed messages: try them again, or give them up. */
import { type RawBuilder, sql } from 'kysely'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { FailedFilter } from '../../core/ports/failure-store.ts'
import { type Statements, statements } from '../client.ts'
import type { SlowWork } from '../slow-work.ts'
import { isMeant } from './failure-store-filter.ts'

const batchSize = 500

interface Command {
  /** Which of the meant rows it may be done to. */
  readonly isAllowed: RawBuilder<boolean>
  /** What it does to the failed message `f`. */
  readonly failed: RawBuilder<unknown>
  /** What it does to the message `m` of the failed message that was `l`. */
  readonly message: RawBuilder<unknown>
}

// One that a node has in its hands is on its way already.
const isInHands = sql<boolean>`(f.claim is not null and f.next_retry_at > now())`

const retryNow: Command = {
  isAllowed: sql`f.status in ('pending', 'permanently_failed') and f.type is not null`,
  failed: sql`
    status = 'pending', reason = null, closed_at = null, updated_at = now(),
    next_retry_at = case when ${isInHands} then f.next_retry_at else now() end,
    claim = case when ${isInHands} then f.claim end,
    first_attempt = case f.status when 'permanently_failed' then f.attempts + 1 else f.first_attempt end`,
  message: sql`update messages m set status = case m.status when 'failed' then 'retrying' else m.status end from locked l
    where m.tenant_id = l.tenant_id and m.id = l.id and l.status = 'permanently_failed'`,
}

const giveUp: Command = {
  isAllowed: sql`f.status in ('pending', 'permanently_failed')`,
  failed: sql`
    status = 'discarded', reason = coalesce(f.reason, 'discarded by an operator'), updated_at = now(), closed_at = now(),
    next_retry_at = null, claim = null`,
  message: sql`update messages m set status = case m.status when 'retrying' then 'failed' else m.status end from locked l
    where m.tenant_id = l.tenant_id and m.id = l.id and l.status = 'pending'`,
}

export interface Means {
  readonly client: Statements
  readonly slowWork: Pick<SlowWork, 'command' | 'batch'>
}

export const retryFailed = (means: Means, tenantId: TenantId, filter: FailedFilter): Promise<number> =>
  forMeant(means, tenantId, filter, retryNow)

export const discardFailed = (means: Means, tenantId: TenantId, filter: FailedFilter): Promise<number> =>
  forMeant(means, tenantId, filter, giveUp)

/** A few messages that are named do not wait for a command over thousands. */
function forMeant(means: Means, tenantId: TenantId, filter: FailedFilter, command: Command): Promise<number> {
  const work = () => forAll(means, tenantId, filter, command)
  const isOneBatch = filter.ids !== undefined && filter.ids.length < batchSize
  return isOneBatch ? work() : means.slowWork.command(tenantId, work)
}

/** Batch after batch in the order of the ids, so that each row is looked at once. Returns how many it was done to. */
async function forAll({ client, slowWork }: Means, tenantId: TenantId, filter: FailedFilter, command: Command): Promise<number> {
  let count = 0
  let last: MessageId | null = null
  for (;;) {
    const { sql: text, parameters } = toStatement(tenantId, filter, command, last).compile(statements)
    const [row] = await slowWork.batch(() => client.run(text, parameters), tenantId)
    count += Number(row?.done)
    if (Number(row?.looked_at) < batchSize) return count
    last = row?.last as MessageId
  }
}

// The message's lock comes first, as in the ledger's statement; what was found is looked at again under the locks. Each row is
// locked by its key alone, and `offset 0` keeps the conditions outside: with them, and before the table has statistics, the
// planner reads all rows of the tenant once for each row. An update looks for its rows as they were when the statement began, so
// it asks for no status: what it sets is made from the row as it is.
const toStatement = (tenantId: TenantId, filter: FailedFilter, command: Command, last: MessageId | null) => sql`
with meant as materialized (
  select f.tenant_id, f.id from failed_messages f
  where ${isMeant(tenantId, filter)} and ${command.isAllowed} and (${last}::uuid is null or f.id > ${last}::uuid)
  order by f.id limit ${batchSize}
), messages_locked as materialized (
  select m.id from messages m
  where m.tenant_id = ${tenantId}::uuid and m.id = any (array(select id from meant))
  order by m.id for update
), locked as materialized (
  select f.tenant_id, f.id, f.status from (select id from meant where (select count(*) from messages_locked) >= 0) w cross join lateral (
    select f.* from failed_messages f where f.tenant_id = ${tenantId}::uuid and f.id = w.id offset 0 for update
  ) f where ${isMeant(tenantId, filter)} and ${command.isAllowed}
), messages_changed as (${command.message} and m.tenant_id = ${tenantId}::uuid
), done as (
  update failed_messages f set ${command.failed}
  from locked l where f.tenant_id = l.tenant_id and f.id = l.id
  returning f.id
)
select (select count(*) from done) as done, (select count(*) from meant) as looked_at,
       (select id from meant order by id desc limit 1) as last`
