/** Removes what a tenant has in the tables that all tenants share. */
import type { TenantId } from '../core/ids.ts'
import type { RunStatement } from './client.ts'

const batchRows = 5_000
const tables = ['failed_messages', 'scheduled_messages', 'idempotency_keys']

/**
 * Removes the rows in batches, so that a million of them neither hold locks for minutes nor outlast a statement's time.
 * What is written meanwhile may be left. Idempotent.
 *
 * Errors: AppError `database.unavailable`.
 */
export async function removeTenantRows(run: RunStatement, tenantId: TenantId): Promise<void> {
  for (const table of tables) while ((await removeBatch(run, table, tenantId)) === batchRows);
}

async function removeBatch(run: RunStatement, table: string, tenantId: TenantId): Promise<number> {
  const batch = `select ctid from ${table} where tenant_id = $1 limit ${batchRows}`
  const [row] = await run(
    `with removed as (delete from ${table} where tenant_id = $1 and ctid = any (array(${batch})) returning tenant_id)
     select count(*) as removed from removed`,
    [tenantId],
  )
  return Number(row?.removed)
}
