/** The hot statement: writes a batch of messages of any number of tenants. */
import { AppError } from '../core/errors.ts'
import type { MessageRecord } from '../core/ports/message-store.ts'
import { toPlainArray, toTextArray } from './array-literal.ts'
import type { RunStatement } from './client.ts'

// One statement, so it commits or fails as a whole without BEGIN and COMMIT; not prepared, so that only the partitions
// that get rows are opened. Ordered by key, so that two nodes that write the same rows wait for each other and never deadlock.
const text = `
insert into messages (tenant_id, id, type, data, priority, key, status, attempts, error, created_at, processed_at)
select r.tenant_id, r.id, r.type, r.data::jsonb, r.priority, r.key, r.status, r.attempts, r.error,
       to_timestamp(r.created_ms / 1000::float8), case r.status when 'processed' then now() end
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::integer[], $9::text[], $10::bigint[])
  as r (tenant_id, id, type, data, priority, key, status, attempts, error, created_ms)
order by r.tenant_id, r.id
on conflict do nothing`

/**
 * Writes all records in one statement, or none. A record whose key is stored already is left as it is.
 *
 * Errors: AppError `database.unavailable`, `database.refused_row`, `partition.missing`.
 */
export async function recordMessages(run: RunStatement, records: readonly MessageRecord[]): Promise<void> {
  if (records.length === 0) return
  await run(text, toStatementColumns(records))
}

/** A text that the program cannot build is one that the database will not get: the ledger then looks for the row at fault. */
function toStatementColumns(records: readonly MessageRecord[]): readonly string[] {
  try {
    return toColumns(records)
  } catch (error) {
    if (error instanceof RangeError)
      throw new AppError('database.refused_row', 'too large to be stored', { scope: 'message', cause: error })
    throw error
  }
}

function toColumns(records: readonly MessageRecord[]): readonly string[] {
  return [
    toIdArray(records.map((record) => record.tenantId)),
    toIdArray(records.map((record) => record.id)),
    toTextArray(records.map((record) => record.type)),
    toTextArray(records.map((record) => record.data)),
    toPlainArray(records.map((record) => record.priority)),
    toTextArray(records.map((record) => record.key)),
    toPlainArray(records.map((record) => record.status)),
    toPlainArray(records.map((record) => record.attempts)),
    toTextArray(records.map((record) => record.error)),
    toPlainArray(records.map((record) => Math.round(record.createdAtMs))),
  ]
}

const uuid = /^[0-9a-f-]{36}$/i

// An id with a comma in it would shift its column against the others.
function toIdArray(ids: readonly string[]): string {
  for (const id of ids) {
    if (!uuid.test(id)) throw new AppError('database.refused_row', 'an id is not a UUID', { scope: 'message' })
  }
  return toPlainArray(ids)
}
