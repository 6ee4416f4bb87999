/** Counts and removes what a tenant has in the tables that all tenants share. */
import type { TenantId } from '../core/ids.ts'
import type { RunStatement } from './client.ts'

/**
 * Every table with rows of tenants, but for the partition of `messages`, the row in `tenants`, and the tombstone, which stays.
 * A table comes before those that its rows refer to, so that no row takes unbounded others with it.
 */
export const sharedTables = [
  'refresh_tokens',
  'sessions',
  'invitations',
  'api_keys',
  'tenant_secrets',
  'users',
  'failed_messages',
  'scheduled_messages',
  'idempotency_keys',
  'tenant_reports',
  'flight_records',
  'audit_log',
] as const

export type RowCounts = Readonly<Record<string, number>>

const batchRows = 5_000

/**
 * Removes the rows in batches, so that a million of them neither hold locks for minutes nor outlast a statement's time.
 * What is written meanwhile may be left. Idempotent.
 *
 * Errors: AppError `database.unavailable`.
 */
export async function removeTenantRows(run: RunStatement, tenantId: TenantId): Promise<void> {
  for (const table of sharedTables) while ((await removeBatch(run, table, tenantId)) === batchRows);
}

/** Removes, in the caller's transaction, the tenant's own row and the few others there are still. */
export async function removeLastRows(run: RunStatement, tenantId: TenantId): Promise<void> {
  // First, so that nothing that refers to it is added any more.
  await run('delete from tenants where id = $1', [tenantId])
  for (const table of sharedTables) await run(`delete from ${table} where tenant_id = $1`, [tenantId])
}

/** How many rows the tenant has in each table, `tenants` included. */
export async function countTenantRows(run: RunStatement, tenantId: TenantId): Promise<RowCounts> {
  const counts = sharedTables.map((table) => `(select count(*) from ${table} where tenant_id = $1) as ${table}`)
  const [row] = await run(`select ${counts.join(', ')}, (select count(*) from tenants where id = $1) as tenants`, [tenantId])
  return (row ?? {}) as RowCounts
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
