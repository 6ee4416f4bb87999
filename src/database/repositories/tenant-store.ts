/** The tenant store on PostgreSQL. */
import { sql } from 'kysely'
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { NewTenant, TenantChange, TenantPage, TenantQuery, TenantStore } from '../../core/ports/tenant-store.ts'
import type { Tenant } from '../../core/tenant.ts'
import type { AdvisoryLocks } from '../advisory-locks.ts'
import { type DatabaseClient, type RunStatement, type Statements, statements } from '../client.ts'
import { eraseTenant } from '../erase-tenant.ts'
import { isAfter } from '../keyset.ts'
import type { Partitions } from '../partitions.ts'
import { databaseNow, selectDesired, selectTenants, tenantColumns, toContainsPattern, toDesiredTenant, toTenant } from './tenant-rows.ts'
import { findTombstone, listTombstones } from './tenant-tombstones.ts'

export interface TenantStoreParts {
  readonly requests: Statements
  readonly service: DatabaseClient
  readonly partitions: Partitions
  readonly locks: AdvisoryLocks
}

export function createTenantStore({ requests, service, partitions, locks }: TenantStoreParts): TenantStore {
  return {
    async create(tenant) {
      return partitions.createWith(tenant.id, (run) => insertTenant(run, tenant)).catch(rethrowNameTaken)
    },
    async find(id) {
      const [row] = await requests.rows(selectTenants().where('id', '=', id))
      return row === undefined ? undefined : toTenant(row)
    },
    list: (query) => listTenants(requests, query),
    async update(id, change, expectedVersion) {
      const updated = await updateTenant(requests, id, change, expectedVersion).catch(rethrowNameTaken)
      return updated ?? (await explainUnchanged(requests, id, expectedVersion))
    },
    remove: (id, discarded, queues = []) => eraseTenant({ client: service, partitions }, id, { discarded, queues }),
    tombstone: (id) => findTombstone(requests, id),
    listTombstones: (query) => listTombstones(requests, query),
    async desired() {
      return (await service.rows(selectDesired())).map(toDesiredTenant)
    },
    async desiredOf(id) {
      const [row] = await service.rows(selectDesired().where('id', '=', id))
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

async function listTenants(client: Statements, query: TenantQuery): Promise<TenantPage> {
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
async function updateTenant(client: Statements, id: TenantId, change: TenantChange, version?: number): Promise<Tenant | undefined> {
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
async function explainUnchanged(client: Statements, id: TenantId, expectedVersion: number | undefined): Promise<undefined> {
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
