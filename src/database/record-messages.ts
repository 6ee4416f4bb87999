/** The hot statement: writes a batch of messages of any number of tenants. */
import { AppError } from '../core/errors.ts'
import type { MessageRecord } from '../core/ports/message-store.ts'
import type { RunStatement } from './client.ts'
import { toMessageColumns } from './message-columns.ts'
import { recordSettlements } from './record-settlements.ts'

// One statement, so it commits or fails as a whole without BEGIN and COMMIT; not prepared, so that only the partitions
// that get rows are opened. Ordered by key, so that two nodes that write the same rows wait for each other and never deadlock.
const text = `
insert into messages (tenant_id, id, type, data, priority, key, status, attempts, created_at, processed_at)
select r.tenant_id, r.id, r.type, r.data::jsonb, r.priority, r.key, 'processed', 1, to_timestamp(r.created_ms / 1000::float8), now()
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::bigint[])
  as r (tenant_id, id, type, data, priority, key, created_ms)
order by r.tenant_id, r.id
on conflict do nothing`

/**
 * Writes all records in one statement, or none. Most batches hold nothing but messages that were processed at once: no
 * earlier attempt of theirs can be recorded, so a row that is there already is left as it is. Any other batch takes the
 * longer statement.
 *
 * Errors: AppError `database.unavailable`, `database.refused_row`, `partition.missing`.
 */
export async function recordMessages(run: RunStatement, records: readonly MessageRecord[]): Promise<void> {
  if (records.length === 0) return
  try {
    if (records.every(isProcessedAtOnce)) await run(text, toMessageColumns(records))
    else await recordSettlements(run, records)
  } catch (error) {
    // A text that the program cannot build is one that the database will not get: the ledger then looks for the row at fault.
    if (!(error instanceof RangeError)) throw error
    throw new AppError('database.refused_row', 'too large to be stored', { scope: 'message', cause: error })
  }
}

const isProcessedAtOnce = ({ settlement, attempt }: MessageRecord): boolean => settlement.kind === 'processed' && attempt === 1
