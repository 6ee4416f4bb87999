/** The role that requests run as: it owns nothing, bypasses nothing, and its password is known to the service alone. */
import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { DatabaseClient, RunStatement } from './client.ts'
import { readSqlState } from './errors.ts'
import { toScramSecret } from './scram-secret.ts'

/** A role as the catalog names it, and as a statement has to. */
export interface RoleName {
  readonly name: string
  readonly quoted: string
}

export interface TenantLogin {
  readonly name: string
  /** The service's URL with the tenant role's name and password in it. */
  readonly url: string
}

/** Of a database and a schema: roles are known to the whole server, so each installation on it has one of its own. */
export const tenantRoleName = (database: string, schema: string): string =>
  `tenantry_tenant_${createHash('sha256').update(`${database}/${schema}`).digest('hex').slice(0, 12)}`

/** Of all nodes that do this at once, one works. */
export const roleLock = (schema: string): string => `tenantry:${schema}:tenant-role`

const insufficientPrivilege = '42501'

/**
 * Makes the role exist, with the password that the database keeps for it. A database that was restored on another server gets it
 * there as it was. With `isRefused` the role has another password, and is given the one that is kept.
 *
 * Errors: AppError `config.invalid` when the service may not make roles, with what a database administrator can do.
 */
export async function prepareTenantRole(client: DatabaseClient, database: string, isRefused = false): Promise<TenantLogin> {
  const name = tenantRoleName(database, client.target.schema)
  const known = isRefused ? undefined : await findPassword(client.run, name)
  const password = known ?? (await client.transaction((run) => makeRole(run, name, client.target.schema, isRefused)).catch(explainRefusal))
  return { name, url: withLogin(client.target.url, name, password) }
}

const findRole = `
select r.password, exists (select from pg_roles where rolname = $1) as has_role
from (select 1) one left join tenant_role r on r.name = $1`

/** undefined unless both are there: the role, and its password. */
async function findPassword(run: RunStatement, name: string): Promise<string | undefined> {
  const [row] = await run(findRole, [name])
  return row?.has_role === true && typeof row.password === 'string' ? row.password : undefined
}

async function makeRole(run: RunStatement, name: string, schema: string, isRefused: boolean): Promise<string> {
  await run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [roleLock(schema)])
  const [found] = await run(findRole, [name])
  const isKept = typeof found?.password === 'string'
  const password = isKept ? String(found.password) : randomBytes(24).toString('base64url')
  if (!isKept) await run(keepPassword, [name, password])
  // Hashed here, so that no log of statements shows it.
  const secret = toScramSecret(password)
  if (found?.has_role !== true) await run(`create role ${name} ${attributes} password '${secret}'`)
  else if (!isKept || isRefused) await run(`alter role ${name} password '${secret}'`)
  return password
}

const keepPassword =
  'insert into tenant_role (name, password) values ($1, $2) on conflict (name) do update set password = excluded.password'

const attributes = 'login nosuperuser nobypassrls nocreaterole nocreatedb noreplication noinherit'

function explainRefusal(error: unknown): never {
  if (readSqlState(error) !== insufficientPrivilege) throw error
  throw new AppError(
    'config.invalid',
    'the database user may not create the role that requests run as. Let a database administrator run ' +
      `"create role tenantry_requests ${attributes} password 'a long password';" and set database.tenant_url (DATABASE_TENANT_URL) to the ` +
      'database\'s URL with that user and password; or let the administrator run "alter role <the database user> createrole;"',
    { cause: error },
  )
}

// Parameters win over what stands before the host, and a URL without a host has no other place for them.
function withLogin(url: string, name: string, password: string): string {
  const target = new URL(url)
  target.searchParams.set('user', name)
  target.searchParams.set('password', password)
  return target.href
}
