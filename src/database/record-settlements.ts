/** The statement for a batch in which something has failed, now or before: messages and their failed messages together. */
import { type AttemptRecord, type Failure, maxHistory, type Settlement, toStorable } from '../core/failure.ts'
import type { MessageRecord } from '../core/ports/message-store.ts'
import { toPlainArray, toTextArray } from './array-literal.ts'
import type { RunStatement } from './client.ts'
import { toFingerprint } from './failure-fingerprint.ts'
import { toIdArray, toMessageColumns } from './message-columns.ts'

// `recorded` decides: only what it returns has taken effect. It takes the locks of the messages in the order of their
// keys, and whoever changes a failed message together with its message takes the message's lock first, so that nobody
// who holds one waits for somebody who holds the other.
//
// While a message is `retrying` its failed message cannot be closed, so nothing here asks for its status: a closed row with
// the same key is that of a delivery without a type, and is taken over.
const text = `
with recorded as (
  insert into messages as m (tenant_id, id, type, data, priority, key, status, attempts, error, created_at, processed_at)
  select r.tenant_id, r.id, r.type, r.data::jsonb, r.priority, r.key, r.status, r.attempts, r.error,
         to_timestamp(r.created_ms / 1000::float8), case r.status when 'processed' then now() end
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::bigint[], $8::text[], $9::integer[], $10::text[])
    as r (tenant_id, id, type, data, priority, key, created_ms, status, attempts, error)
  order by r.tenant_id, r.id
  on conflict (tenant_id, id) do update
  set status = excluded.status, attempts = excluded.attempts, error = excluded.error, processed_at = excluded.processed_at,
      data = coalesce(m.data, excluded.data)
  where m.status = 'retrying' and m.attempts < excluded.attempts
  returning m.tenant_id, m.id, m.type, m.priority, m.key, m.status, m.attempts, m.error, m.created_at
), failed as (
  insert into failed_messages as f (
    tenant_id, id, type, priority, key, body, status, attempts, first_attempt, retry_order, retry_count, next_retry_at,
    error_class, error, fingerprint, reason, history, trace, created_at, failed_at, updated_at, closed_at)
  select m.tenant_id, m.id, m.type, m.priority, m.key, decode(r.body, 'base64'),
         case m.status when 'retrying' then 'pending' else 'permanently_failed' end, m.attempts, r.first_attempt, coalesce(r.retry_order, 'oldest'), m.attempts - 1,
         case m.status when 'retrying' then to_timestamp(r.due_ms / 1000::float8) end,
         r.error_class, m.error, r.fingerprint, r.reason, r.history::jsonb, r.trace, m.created_at, now(), now(),
         case m.status when 'failed' then now() end
  from unnest($11::uuid[], $12::uuid[], $13::text[], $14::integer[], $15::text[], $16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[])
    as r (tenant_id, id, body, first_attempt, retry_order, due_ms, error_class, fingerprint, reason, history, trace)
  join recorded m on m.tenant_id = r.tenant_id and m.id = r.id
  on conflict (tenant_id, id) do update
  set type = excluded.type, priority = excluded.priority, key = excluded.key,
      body = case when f.type is null then excluded.body else f.body end,
      status = excluded.status, attempts = excluded.attempts, first_attempt = excluded.first_attempt,
      retry_order = case excluded.status when 'pending' then excluded.retry_order else f.retry_order end,
      retry_count = greatest(f.retry_count, excluded.retry_count), next_retry_at = excluded.next_retry_at, claim = null,
      error_class = excluded.error_class, error = excluded.error, fingerprint = excluded.fingerprint, reason = excluded.reason,
      history = jsonb_path_query_array(f.history || excluded.history, '$[last - ${maxHistory - 1} to last]'),
      trace = coalesce(excluded.trace, f.trace), failed_at = excluded.failed_at, updated_at = excluded.updated_at, retried_at = null, closed_at = excluded.closed_at
)
update failed_messages f
set status = 'resolved', attempts = m.attempts, retry_count = greatest(f.retry_count, m.attempts - 1), next_retry_at = null, claim = null,
    retried_at = null, reason = null, updated_at = now(), closed_at = now()
from recorded m
where m.status = 'processed' and m.attempts > 1 and f.tenant_id = m.tenant_id and f.id = m.id`

/**
 * Writes all records in one statement, or none.
 *
 * | recorded as | messages  | failed_messages                              |
 * | processed   | processed | resolved, when an earlier attempt has failed |
 * | retrying    | retrying  | pending until it is due                      |
 * | failed      | failed    | permanently_failed                           |
 *
 * A record takes effect when its message is new, or `retrying` after an earlier attempt. Of several records of one message
 * the one of the highest attempt counts.
 *
 * Errors: AppError `database.unavailable`, `database.refused_row`, `partition.missing`; RangeError when it is too large to be sent.
 */
export async function recordSettlements(run: RunStatement, records: readonly MessageRecord[]): Promise<void> {
  const last = toLastAttempts(records)
  const failures = last.flatMap(({ settlement, ...record }) => (settlement.kind === 'processed' ? [] : [toFailureRow(record, settlement)]))
  await run(text, [
    ...toMessageColumns(last),
    toPlainArray(last.map(({ settlement }) => settlement.kind)),
    toPlainArray(last.map(({ attempt }) => attempt)),
    toTextArray(last.map(({ settlement }) => (settlement.kind === 'processed' ? null : toStorable(settlement.failure.error)))),
    toIdArray(failures.map((row) => row.tenantId)),
    toIdArray(failures.map((row) => row.id)),
    toTextArray(failures.map((row) => row.body)),
    toPlainArray(failures.map((row) => row.firstAttempt)),
    toPlainArray(failures.map((row) => row.order ?? 'null')),
    toPlainArray(failures.map((row) => row.dueMs ?? 'null')),
    toTextArray(failures.map((row) => row.failure.errorClass)),
    toTextArray(failures.map((row) => row.fingerprint)),
    toTextArray(failures.map((row) => row.reason)),
    toTextArray(failures.map((row) => JSON.stringify(row.history))),
    toTextArray(failures.map((row) => row.trace)),
  ])
}

// PostgreSQL refuses to update one row twice in a statement.
function toLastAttempts(records: readonly MessageRecord[]): readonly MessageRecord[] {
  const last = new Map<string, MessageRecord>()
  for (const record of records) {
    const key = `${record.tenantId}${record.id}`.replaceAll('-', '').toLowerCase()
    const other = last.get(key)
    if (other === undefined || other.attempt < record.attempt) last.set(key, record)
  }
  return [...last.values()]
}

function toFailureRow(record: Omit<MessageRecord, 'settlement'>, settlement: Exclude<Settlement, { kind: 'processed' }>) {
  const failure = toStorableFailure(settlement.failure)
  return {
    tenantId: record.tenantId,
    id: record.id,
    // base64 takes the least room of what a text can carry.
    body: toBytes(record.body()).toString('base64'),
    firstAttempt: settlement.kind === 'retrying' ? settlement.firstAttempt : record.attempt + 1,
    order: settlement.kind === 'retrying' ? settlement.order : undefined,
    dueMs: settlement.kind === 'retrying' ? Math.round(settlement.dueAtMs) : undefined,
    failure,
    fingerprint: toFingerprint(record.type, failure),
    reason: settlement.kind === 'failed' ? toStorable(settlement.reason) : null,
    history: settlement.history.slice(-maxHistory).map(toStorableAttempt),
    trace: record.trace ?? null,
  }
}

const toBytes = (body: Uint8Array | string): Buffer =>
  typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)

const toStorableFailure = ({ errorClass, error }: Failure): Failure => ({ errorClass: toStorable(errorClass), error: toStorable(error) })

const toStorableAttempt = (attempt: AttemptRecord): AttemptRecord => ({ ...attempt, ...toStorableFailure(attempt) })
