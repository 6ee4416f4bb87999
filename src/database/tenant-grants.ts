/** Gives the tenant role what requests need, and takes away what it has beyond that. */
import type { DatabaseClient, RunStatement } from './client.ts'
import { withLockRetries } from './lock-retries.ts'
import { type RoleName, roleLock } from './tenant-role.ts'
import { type Grants, platformTables, tenantTables, toGrants, toPrivileges } from './tenant-tables.ts'

const tables: Readonly<Record<string, Grants>> = { ...tenantTables, ...Object.fromEntries(platformTables.map((name) => [name, {}])) }

/**
 * Brings the role's privileges on the schema and on every table of the engine to what tenant-tables.ts says. Changes nothing when
 * they are so already. The role is noted in `tenant_role`, so that a migration back finds it. It must be one that
 * `requireLimitedRole` lets pass; from the service itself nothing is ever taken.
 *
 * Errors: AppError as errors.ts maps them; SQLSTATE 42501 when the service owns a table not.
 */
export async function bringGrants(client: DatabaseClient, role: RoleName): Promise<void> {
  if ((await planChanges(client.run, client.target.schema, role)).length === 0) return
  await withLockRetries(() =>
    client.transaction(async (run) => {
      await run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [roleLock(client.target.schema)])
      await run('insert into tenant_role (name) values ($1) on conflict do nothing', [role.name])
      for (const change of await planChanges(run, client.target.schema, role)) await run(change)
    }),
  )
}

async function planChanges(run: RunStatement, schema: string, role: RoleName) {
  const changes: string[] = []
  const [places] = await run(placePrivileges, [role.name, schema])
  if (places?.may_connect !== true) changes.push(`grant connect on database ${String(places?.database)} to ${role.quoted}`)
  if (places?.may_use !== true) changes.push(`grant usage on schema ${schema} to ${role.quoted}`)
  const found = new Map((await run(tablePrivileges, [role.name, schema])).map((row) => [String(row.name), row.privileges as string[]]))
  for (const [table, grants] of Object.entries(tables)) {
    const now = found.get(table)
    if (now === undefined || now.join() === toPrivileges(grants).join()) continue
    if (now.length > 0) changes.push(`revoke all on ${table} from ${role.quoted}`)
    const grant = toGrants(grants, table, role.quoted)
    if (grant !== '') changes.push(grant)
  }
  return changes
}

const placePrivileges = `
select has_database_privilege($1, current_database(), 'connect') as may_connect, has_schema_privilege($1, $2, 'usage') as may_use,
       quote_ident(current_database()) as database`

/** What the role itself was granted on each table that is no partition: `select`, `update (status)`, in order. */
const tablePrivileges = `
select c.relname as name, coalesce((
  select array_agg(p.text order by p.text collate "C") from (
    select lower(a.privilege_type) as text from aclexplode(c.relacl) a where a.grantee = r.oid
    union all
    select format('%s (%s)', lower(a.privilege_type), o.attname)
    from pg_attribute o cross join lateral aclexplode(o.attacl) a where o.attrelid = c.oid and a.grantee = r.oid
  ) p
), '{}') as privileges
from pg_class c join pg_roles r on r.rolname = $1 and r.rolname <> current_user
where c.relnamespace = $2::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`
