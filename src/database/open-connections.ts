/** Connects, and does not let anybody in before the database is known to keep tenants apart. */
import { AppError } from '../core/errors.ts'
import { createDatabaseClient, type DatabaseClient } from './client.ts'
import { requireIsolation } from './isolation.ts'
import { openTenantClient, type TenantAccess, type TenantAccessOptions } from './open-tenant-client.ts'
import { protectPartitions } from './row-security.ts'

const oldestVersion = 150_000

/** Whatever was opened is closed again when it fails. Errors: those of `openDatabase`. */
export async function openConnections(options: TenantAccessOptions): Promise<TenantAccess & { readonly client: DatabaseClient }> {
  const client = createDatabaseClient(options)
  let access: TenantAccess | undefined
  try {
    await requireVersion(client)
    access = await openTenantClient(client, options)
    await protectPartitions(client, access.role)
    await requireIsolation(client, access.tenantClient, access.role.name)
    return { ...access, client }
  } catch (error) {
    await Promise.all([access?.tenantClient.close(), client.close()])
    throw error
  }
}

async function requireVersion(client: DatabaseClient): Promise<void> {
  const [row] = await client.run(`
    select current_setting('server_version_num')::integer as version, current_setting('server_version') as text,
           to_regclass('tenant_role') is not null as is_migrated`)
  if (Number(row?.version) < oldestVersion) {
    throw new AppError('config.invalid', `PostgreSQL 15 or newer is needed; the server is ${String(row?.text)}`)
  }
  if (row?.is_migrated !== true)
    throw new AppError('config.invalid', 'the tables in the database are older than this program: migrate first')
}
