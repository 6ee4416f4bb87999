/** Looks whether this database would keep tenants apart, before the first request. */
import { AppError } from '../core/errors.ts'
import type { DatabaseClient, Row, RunStatement } from './client.ts'
import { findIsolationFaults, findRoleFaults, type IsolationFacts, type RoleFacts, type TableFacts } from './isolation-faults.ts'
import type { TenantClient } from './tenant-client.ts'
import { platformTables, tenantTables } from './tenant-tables.ts'

/** Errors: AppError `config.invalid`, which names every fault; those of the clients. */
export async function requireIsolation(
  client: Pick<DatabaseClient, 'run' | 'target'>,
  tenantClient: Pick<TenantClient, 'runAsNobody'>,
  tenantRole: string,
): Promise<void> {
  refuse(findIsolationFaults(await readFacts(client.run, client.target.schema, tenantClient, tenantRole)))
}

/**
 * The same of the role alone. It comes before anything is granted to the role or taken away from it: taken from the owner of the
 * tables, the service would have lost it.
 */
export async function requireLimitedRole({ run, target }: Pick<DatabaseClient, 'run' | 'target'>, tenantRole: string): Promise<void> {
  const [row] = await run(readRoles, [tenantRole, target.schema])
  refuse(findRoleFaults(tenantRole, toRoleFacts(row)))
}

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return
  throw new AppError('config.invalid', `this database would not keep tenants apart: ${faults.join('; ')}`)
}

async function readFacts(
  run: RunStatement,
  schema: string,
  tenantClient: Pick<TenantClient, 'runAsNobody'>,
  tenantRole: string,
): Promise<IsolationFacts> {
  const names = Object.keys(tenantTables)
  const granted = Object.entries(tenantTables).flatMap(([table, grants]) => Object.keys(grants).map((privilege) => `${privilege} ${table}`))
  const [role] = await run(readRoles, [tenantRole, schema])
  const tables = await run(readTables, [tenantRole, schema, names])
  const [partitions] = await run(readOpenPartitions, [tenantRole])
  const excess = await run(readExcess, [tenantRole, schema, [...platformTables, ...names], granted])
  const there = tables.filter((row) => row.exists === true).map((row) => String(row.name))
  const inactive = await tenantClient.runAsNobody('select name from unnest($1::text[]) as t (name) where not row_security_active(name)', [
    there,
  ])
  return {
    tenantRole,
    role: toRoleFacts(role),
    serviceBypasses: role?.service_bypasses === true,
    service: String(role?.service),
    tables: tables.map(toTableFacts),
    openPartitions: { names: (partitions?.names ?? []) as readonly string[], count: Number(partitions?.count) },
    inactive: inactive.map((row) => String(row.name)),
    excess: excess.map((row) => String(row.excess)),
  }
}

const toRoleFacts = (row: Row | undefined): RoleFacts => ({
  isService: row?.is_service !== false,
  isSuperuser: row?.is_superuser !== false,
  bypassesRowSecurity: row?.bypasses !== false,
  mayCreateRoles: row?.may_create_roles !== false,
  owns: (row?.owns ?? []) as readonly string[],
  memberOf: (row?.member_of ?? []) as readonly string[],
})

const toTableFacts = (row: Row): TableFacts => ({
  name: String(row.name),
  exists: row.exists === true,
  isProtected: row.is_protected === true,
  policies: (row.policies ?? []) as TableFacts['policies'],
})

// Whoever owns the schema or the database may drop its tables.
const readRoles = `
with owner as (
  select datdba as role, 'the database' as thing from pg_database where datname = current_database()
  union all
  select nspowner, 'the schema' from pg_namespace where oid = $2::regnamespace and nspowner <> 'pg_database_owner'::regrole
  union all
  select relowner, relname::text from pg_class where relnamespace = $2::regnamespace and relkind in ('r', 'p') and not relispartition
)
select r.rolname = current_user as is_service, r.rolsuper as is_superuser, r.rolbypassrls as bypasses, r.rolcreaterole as may_create_roles,
       current_user::text as service, s.rolsuper or s.rolbypassrls as service_bypasses,
       array(select thing from owner where role = r.oid order by thing limit 5) as owns,
       array(select distinct m.roleid::regrole::text from pg_auth_members m where m.member = r.oid order by 1) as member_of
from pg_roles r, pg_roles s where r.rolname = $1 and s.rolname = current_user`

const readTables = `
select t.name, c.oid is not null as exists, c.relrowsecurity and c.relforcerowsecurity as is_protected,
       (
         select jsonb_agg(jsonb_build_object(
           'name', p.polname, 'isPermissive', p.polpermissive,
           'reachesTenantRole', exists (select from unnest(p.polroles) o where case o when 0 then true else pg_has_role(r.oid, o, 'member') end),
           'reachesService', exists (select from unnest(p.polroles) o where case o when 0 then true else pg_has_role(o, 'usage') end),
           'uses', pg_get_expr(p.polqual, p.polrelid), 'checks', pg_get_expr(p.polwithcheck, p.polrelid)
         ))
         from pg_policy p where p.polrelid = c.oid
       ) as policies
from unnest($3::text[]) as t (name) cross join pg_roles r
left join pg_class c on c.relname = t.name and c.relnamespace = $2::regnamespace
where r.rolname = $1 order by t.name`

const readOpenPartitions = `
select count(*) as count, (array_agg(c.relname::text order by c.relname))[1:3] as names
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_roles r on r.rolname = $1
where i.inhparent = to_regclass('messages') and (not (c.relrowsecurity and c.relforcerowsecurity) or c.relowner = r.oid)`

// By whatever way it has them: its own grants, or those of PUBLIC. What is not even granted on a single column need not be looked for
// on each of them.
const readExcess = `
select p.privilege || ' ' || c.relname as excess
from pg_class c
cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as p (privilege)
where c.relnamespace = $2::regnamespace and c.relname = any ($3::text[])
  and case when p.privilege in ('select', 'insert', 'update') then has_any_column_privilege($1, c.oid, p.privilege)
      else has_table_privilege($1, c.oid, p.privilege) end
  and not (p.privilege || ' ' || c.relname) = any ($4::text[])
order by 1`
