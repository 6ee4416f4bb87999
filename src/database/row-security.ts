/** Puts partitions of `messages` under row-level security, as migration 0010 puts their parent. */
import type { DatabaseClient } from './client.ts'
import { withLockRetries } from './lock-retries.ts'
import { type RoleName, roleLock } from './tenant-role.ts'
import { tenantTables, toGrants } from './tenant-tables.ts'

const ownTenant = "tenant_id = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid)"

/**
 * The statements that protect a table which nobody else uses, or all of whose users may wait for them: whoever has no tenant set sees
 * nothing, the service (who runs them) everything. Repeatable.
 */
export function toProtection(table: string, tenantRole: string | undefined): string {
  const grants = tenantRole === undefined ? '' : toGrants(tenantTables.messages ?? {}, table, tenantRole)
  return `
    alter table ${table} enable row level security, force row level security;
    drop policy if exists tenant on ${table};
    create policy tenant on ${table} using (${ownTenant}) with check (${ownTenant});
    drop policy if exists service on ${table};
    create policy service on ${table} to current_user using (true) with check (true);
    ${grants}`
}

const batchSize = 50

/**
 * Protects the partitions that an earlier version of the engine has made, and lets the role at those that it may not read yet: in
 * batches, each in a transaction of its own, so that nobody waits for long. One whose protection somebody has switched off stays so.
 *
 * Errors: AppError as errors.ts maps them.
 */
export async function protectPartitions(client: DatabaseClient, role: RoleName): Promise<void> {
  for (;;) {
    const protectedNow = await withLockRetries(() => protectBatch(client, role))
    if (protectedNow < batchSize) return
  }
}

async function protectBatch(client: DatabaseClient, role: RoleName): Promise<number> {
  if ((await client.run(unprotected, [role.name, 1])).length === 0) return 0
  return client.transaction(async (run) => {
    await run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [roleLock(client.target.schema)])
    const found = await run(unprotected, [role.name, batchSize])
    for (const { name, is_open: isOpen } of found) {
      await run(
        isOpen === true ? toProtection(String(name), role.quoted) : toGrants(tenantTables.messages ?? {}, String(name), role.quoted),
      )
    }
    return found.length
  })
}

// In the order of the ledger's inserts, so that neither waits for the other in a circle.
const unprotected = `
select format('%I', c.relname) as name, p.is_open
from pg_inherits i join pg_class c on c.oid = i.inhrelid
cross join lateral (select not exists (select from pg_policy o where o.polrelid = c.oid) as is_open) p
where i.inhparent = to_regclass('messages') and not i.inhdetachpending
  and (p.is_open or not has_table_privilege($1, c.oid, 'select'))
order by c.relname limit $2`
