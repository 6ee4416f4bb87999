/** The tenant store on PostgreSQL. */
import { sql } from 'kysely'
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { NewTenant, TenantChange, TenantPage, TenantQuery, TenantStore } from '../../core/ports/tenant-store.ts'
import type { Tenant } from '../../core/tenant.ts'
import type { AdvisoryLocks } from '../advisory-locks.ts'
import { type DatabaseClient, type RunStatement, statements } from '../client.ts'
import { isAfter } from '../keyset.ts'
import type { Partitions } from '../partitions.ts'
import { removeTenantRows } from '../remove-tenant-rows.ts'
import { databaseNow, selectDesired, selectTenants, tenantColumns, toContainsPattern, toDesiredTenant, toTenant } from './tenant-rows.ts'

export function createTenantStore(client: DatabaseClient, partitions: Partitions, locks: AdvisoryLocks): TenantStore {
  return {
    async create(tenant) {
      return partitions.createWith(tenant.id, (run) => insertTenant(run, tenant)).catch(rethrowNameTaken)
    },
    async find(id) {
      const [row] = await client.rows(selectTenants().where('id', '=', id))
      return row === undefined ? undefined : toTenant(row)
    },
    list: (query) => listTenants(client, query),
    async update(id, change, expectedVersion) {
      const updated = await updateTenant(client, id, change, expectedVersion).catch(rethrowNameTaken)
      return updated ?? (await explainUnchanged(client, id, expectedVersion))
    },
    async remove(id, discarded) {
      const [row] = await client.run(countWaiting, [id])
      await partitions.remove(id)
      await removeTenantRows(client.run, id)
      await client.run(removeRows, [id, discarded + Number(row?.waiting)])
    },
    async tombstone(id) {
      const query = statements.selectFrom('tenant_tombstones').select(['discarded', 'deleted_at']).where('tenant_id', '=', id)
      const [row] = await client.rows(query)
      return row === undefined ? undefined : { discarded: row.discarded, deletedAt: row.deleted_at }
    },
    async desired() {
      return (await client.rows(selectDesired())).map(toDesiredTenant)
    },
    async desiredOf(id) {
      const [row] = await client.rows(selectDesired().where('id', '=', id))
      return row === undefined ? undefined : toDesiredTenant(row)
    },
    ensurePartition: (id) => partitions.ensure(id),
    whileDeleting: (id, work) => locks.exclusively(`delete:${id}`, work),
  }
}

async function insertTenant(run: RunStatement, tenant: NewTenant): Promise<Tenant> {
  await run('delete from tenant_tombstones where tenant_id = $1', [tenant.id])
  const query = statements
    .insertInto('tenants')
    .values({ ...tenant, config: JSON.stringify(tenant.config) })
    .returning(tenantColumns)
    .compile()
  const [row] = (await run(query.sql, query.parameters)) as unknown as Parameters<typeof toTenant>[0][]
  if (row === undefined) throw new AppError('internal', 'an insert returned no row')
  return toTenant(row)
}

async function listTenants(client: DatabaseClient, query: TenantQuery): Promise<TenantPage> {
  let tenants = selectTenants()
  if (query.status !== undefined) tenants = tenants.where('status', '=', query.status)
  if (query.search !== undefined && query.search !== '') tenants = tenants.where('name', 'ilike', toContainsPattern(query.search))
  if (query.after !== undefined) tenants = tenants.where(isAfter(query.after))
  // One row more than asked for tells whether there are more.
  const rows = await client.rows(
    tenants
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(query.limit + 1),
  )
  const page = rows.slice(0, query.limit)
  const last = page.at(-1)
  const next = rows.length > query.limit && last !== undefined ? { createdAtMicros: last.micros, id: last.id } : undefined
  return { tenants: page.map(toTenant), next }
}

/** undefined when the row is not there, is deleting, or has another version. */
async function updateTenant(client: DatabaseClient, id: TenantId, change: TenantChange, version?: number): Promise<Tenant | undefined> {
  let update = statements
    .updateTable('tenants')
    .set({ version: sql<number>`version + 1`, updated_at: databaseNow })
    .set({
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.description === undefined ? {} : { description: change.description }),
      ...(change.status === undefined ? {} : { status: change.status }),
      ...(change.workers === undefined ? {} : { workers: change.workers }),
      ...(change.config === undefined ? {} : { config: JSON.stringify(change.config) }),
      ...(change.deletion === undefined ? {} : { deletion: JSON.stringify(change.deletion) }),
      ...(change.restart === true ? { restart_generation: sql<number>`restart_generation + 1` } : {}),
    })
    .where('id', '=', id)
  // A deletion is final, but one that drains may be hurried.
  if (change.deletion?.mode !== 'discard') update = update.where('status', '<>', 'deleting')
  if (version !== undefined) update = update.where('version', '=', version)
  const [row] = await client.rows(update.returning(tenantColumns))
  return row === undefined ? undefined : toTenant(row)
}

// Between the update and this look the row may have changed once more: then the version has moved on for that reason.
async function explainUnchanged(client: DatabaseClient, id: TenantId, expectedVersion: number | undefined): Promise<undefined> {
  const [row] = await client.rows(selectDesired().where('id', '=', id))
  if (row === undefined) return undefined
  if (row.status === 'deleting') throw new AppError('tenant.deleting', 'the tenant is being deleted', { scope: 'tenant' })
  throw new AppError('tenant.version_mismatch', 'the tenant has changed meanwhile', {
    scope: 'tenant',
    details: { expectedVersion: expectedVersion ?? null, version: row.version },
  })
}

function rethrowNameTaken(error: unknown): never {
  if (error instanceof AppError && error.details.constraint === 'tenants_name_key') {
    throw new AppError('tenant.name_taken', 'another tenant has this name', { scope: 'tenant', cause: error })
  }
  throw error
}

// What waits in no queue goes with the tenant as well.
const countWaiting = `
select (select count(*) from failed_messages where tenant_id = $1 and status = 'pending')
     + (select count(*) from scheduled_messages where tenant_id = $1) as waiting`

// The last step of a deletion, whole or not at all. A second call finds no row and leaves the tombstone as it is. The tenant's
// scheduled messages go by their foreign key, those included that are written at this moment.
const removeRows = `
with removed as (delete from tenants where id = $1 returning id),
     forgotten as (delete from tenant_reports where tenant_id = $1),
     failed as (delete from failed_messages where tenant_id = $1),
     keyed as (delete from idempotency_keys where tenant_id = $1)
insert into tenant_tombstones (tenant_id, discarded) select id, $2 from removed
on conflict (tenant_id) do update set discarded = excluded.discarded, deleted_at = now()`
