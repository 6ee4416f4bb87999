/** How tenants are read from their rows. */
import { type InferResult, sql } from 'kysely'
import type { DesiredTenant, Tenant } from '../../core/tenant.ts'
import { statements } from '../client.ts'
import { createdAtMicros } from '../keyset.ts'

export const tenantColumns = ['id', 'name', 'description', 'status', 'workers', 'config', 'version', 'created_at', 'updated_at'] as const

export const selectTenants = () => statements.selectFrom('tenants').select([...tenantColumns, createdAtMicros.as('micros')])

export const selectDesired = () =>
  statements.selectFrom('tenants').select(['id', 'status', 'workers', 'restart_generation', 'deletion', 'config', 'version'])

type TenantRow = Omit<InferResult<ReturnType<typeof selectTenants>>[number], 'micros'>
type DesiredRow = InferResult<ReturnType<typeof selectDesired>>[number]

export function toTenant(row: TenantRow): Tenant {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    status: row.status,
    workers: row.workers,
    config: row.config,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export function toDesiredTenant(row: DesiredRow): DesiredTenant {
  return {
    id: row.id,
    status: row.status,
    workers: row.workers,
    restartGeneration: row.restart_generation,
    deletion: row.deletion,
    config: row.config,
    version: row.version,
  }
}

/** The `like` pattern for a text that stands anywhere in a name; what `like` treats specially is taken literally. */
export const toContainsPattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`

/** `now()` of the database, for columns of dates. */
export const databaseNow = sql<Date>`now()`
