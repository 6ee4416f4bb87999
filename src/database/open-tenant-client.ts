/** Opens the connections of requests: as a role that is made for it, or as the one that the configuration names. */
import { AppError, errorText } from '../core/errors.ts'
import type { DatabaseClient } from './client.ts'
import { readSqlState } from './errors.ts'
import { requireLimitedRole } from './isolation.ts'
import type { PoolOptions } from './pool.ts'
import { createTenantClient, type TenantClient } from './tenant-client.ts'
import { bringGrants } from './tenant-grants.ts'
import { prepareTenantRole, type RoleName } from './tenant-role.ts'

export interface TenantAccess {
  readonly tenantClient: TenantClient
  readonly role: RoleName
}

export interface TenantAccessOptions extends PoolOptions {
  /** Logs in as a role that somebody has made for requests; undefined makes one. */
  readonly tenantUrl?: string | undefined
}

/** Tells one server and database from any other. */
const whereabouts = "current_database() || ' since ' || pg_postmaster_start_time() as place"
const wrongPassword = '28P01'

/**
 * When it resolves, the role has been let in and has the privileges that requests need.
 *
 * Errors: AppError `config.invalid` when the role cannot be made, is not let in, is let in elsewhere, or is one that no grants would
 * limit (nothing has been changed then); `database.unavailable`.
 */
export async function openTenantClient(client: DatabaseClient, options: TenantAccessOptions): Promise<TenantAccess> {
  const [service] = await client.run(`select current_database() as database, ${whereabouts}`)
  const place = String(service?.place)
  if (options.tenantUrl !== undefined) {
    const access = await enter({ ...options, url: options.tenantUrl }, place)
    await limitRole(client, access.role).catch(closing(access.tenantClient))
    return access
  }
  const login = await prepareTenantRole(client, String(service?.database))
  await limitRole(client, { name: login.name, quoted: login.name })
  try {
    return await enter({ ...options, url: login.url }, place)
  } catch (error) {
    if (!(error instanceof AppError) || readSqlState(error.cause) !== wrongPassword) throw error
    const corrected = await prepareTenantRole(client, String(service?.database), true)
    return enter({ ...options, url: corrected.url }, place)
  }
}

async function limitRole(client: DatabaseClient, role: RoleName): Promise<void> {
  await requireLimitedRole(client, role.name)
  await bringGrants(client, role)
}

async function enter(options: PoolOptions, place: string): Promise<TenantAccess> {
  const tenantClient = createTenantClient(options)
  try {
    const [session] = await tenantClient
      .runAsNobody(`select current_user::text as name, quote_ident(current_user) as quoted, ${whereabouts}`)
      .catch(explainRefusal)
    if (session?.place !== place) {
      throw new AppError('config.invalid', 'database.tenant_url (DATABASE_TENANT_URL) leads to another database than database.url')
    }
    return { tenantClient, role: { name: String(session.name), quoted: String(session.quoted) } }
  } catch (error) {
    return closing(tenantClient)(error)
  }
}

const closing =
  (tenantClient: TenantClient) =>
  async (error: unknown): Promise<never> => {
    await tenantClient.close()
    throw error
  }

function explainRefusal(error: unknown): never {
  const state = readSqlState(error)
  // Class 28: authorization; 42501: the role may not connect to the database.
  if (state === undefined || !(state.startsWith('28') || state === '42501')) throw error
  throw new AppError(
    'config.invalid',
    `the database does not let the role that requests run as in (${errorText(error)}): let it in by pg_hba.conf, ` +
      'or set database.tenant_url (DATABASE_TENANT_URL) to a URL that is let in',
    { cause: error },
  )
}
