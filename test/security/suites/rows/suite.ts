/** The database by itself: every table of a tenant's, parents and partitions, seen as the role that requests run as. */
import pg from 'pg'
import { createLedger, type Ledger, type SuiteResult } from '../../finding.ts'
import type { Stage } from '../../stage/stage.ts'
import type { SuiteOptions } from '../suite.ts'

interface Table extends Record<string, unknown> {
  readonly name: string
  /** The column that names the tenant. */
  readonly by: string
  readonly enabled: boolean
  readonly forced: boolean
  readonly policies: number
}

/** A refusal of the database: no rights, or a row that its policy does not allow. */
const refusals = new Set(['42501', '44000'])

export async function walkTables({ stage, say }: SuiteOptions): Promise<SuiteResult> {
  const ledger = createLedger('rows')
  const tables = await stage.query<Table>(`
    select c.relname as name, case when a.attname is null then 'id' else 'tenant_id' end as by, c.relrowsecurity as enabled,
      c.relforcerowsecurity as forced, (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
    from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and (a.attname is not null or c.relname = 'tenants') order by 1`)
  for (const { name, enabled, forced, policies } of tables) {
    if (!enabled) ledger.found(name, 'row-level security is not enabled')
    if (!forced) ledger.found(name, 'row-level security is not forced')
    if (policies === 0) ledger.found(name, 'there is no policy')
  }
  const client = await connectAsTenant(stage)
  try {
    await complainAboutRole(stage, client, ledger)
    for (const table of tables) await tryTable(stage, client, table, ledger)
    await tryOtherSchemas(stage, client, ledger)
  } finally {
    await client.end()
  }
  say(`rows: ${tables.length} tables and partitions`)
  return ledger.result()
}

async function connectAsTenant({ installation, query }: Stage): Promise<pg.Client> {
  const [role] = await query<{ name: string; password: string }>('select name, password from tenant_role')
  if (!role) throw new Error('there is no tenant role')
  const url = new URL(installation.databaseUrl)
  url.username = encodeURIComponent(role.name)
  url.password = encodeURIComponent(role.password)
  const client = new pg.Client({ connectionString: url.href })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function complainAboutRole({ query }: Stage, client: pg.Client, ledger: Ledger): Promise<void> {
  const { rows } = await client.query(`
    select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, (select count(*)::int from pg_auth_members m where m.member = r.oid) as memberships,
      (select count(*)::int from pg_class c where c.relowner = r.oid) as owned
    from pg_roles r where rolname = current_user`)
  for (const [right, held] of Object.entries(rows[0] ?? {})) {
    if (right !== 'rolname' && held !== false && held !== 0) ledger.found('role', `the tenant role has ${right} = ${held}`)
  }
  const [service] = await query<{ name: string }>('select quote_ident(current_user) as name')
  const forbidden = [
    `set role ${service?.name}`,
    `set session authorization ${service?.name}`,
    `copy users to program 'id'`,
    `copy users from program 'id'`,
    `select pg_read_file('/etc/passwd')`,
  ]
  for (const statement of [
    ...forbidden,
    'create table t (x int)',
    'alter table users disable row level security',
    'drop table users',
    'truncate audit_log',
    'select * from tenant_role',
    'select * from admins',
  ]) {
    if ((await attempt(client, statement)).kind !== 'refused') ledger.found('role', `may: ${statement}`)
  }
}

async function tryTable({ own, other }: Stage, client: pg.Client, { name, by }: Table, ledger: Ledger): Promise<void> {
  const count = `select count(*)::int as rows, count(*) filter (where ${by} <> '${own.id}')::int as foreign from ${name}`
  const tell = async (what: string, statement: string, isWrong: (outcome: Outcome) => boolean, tenantId?: string): Promise<void> => {
    const outcome = await attempt(client, statement, tenantId)
    if (isWrong(outcome)) ledger.found(name, `${what}: ${statement} → ${JSON.stringify(outcome)}`)
  }
  const seesAny = (outcome: Outcome): boolean => outcome.kind === 'done' && outcome.rows[0]?.rows !== 0
  const seesForeign = (outcome: Outcome): boolean => outcome.kind === 'done' && outcome.rows[0]?.foreign !== 0
  const changesAny = (outcome: Outcome): boolean => outcome.kind === 'done' && outcome.count !== 0
  await tell('sees rows without a tenant', count, seesAny)
  await tell('sees rows with an empty tenant', count, seesAny, '')
  await tell('sees another tenant’s rows', count, seesForeign, own.id)
  await tell('deletes another tenant’s rows', `delete from ${name} where ${by} = '${other.id}'`, changesAny, own.id)
  const [column = by] = await updatableColumns(client, name)
  await tell('changes another tenant’s rows', `update ${name} set ${column} = ${column} where ${by} = '${other.id}'`, changesAny, own.id)
  await tell('changes rows without a tenant', `update ${name} set ${column} = ${column}`, changesAny)
  await tell('gives its rows away', `update ${name} set ${by} = '${other.id}'`, changesAny, own.id)
  await tell('makes rows of another tenant', `insert into ${name} (${by}) values ('${other.id}')`, ({ kind }) => kind !== 'refused', own.id)
}

async function updatableColumns(client: pg.Client, table: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped
       and has_column_privilege(attrelid, attnum, 'update') order by attnum`,
    [table],
  )
  return rows.map(({ name }) => name)
}

/** The queues hold messages of every tenant. */
async function tryOtherSchemas({ query }: Stage, client: pg.Client, ledger: Ledger): Promise<void> {
  const { rows } = await client.query<{ user: string }>('select current_user as user')
  const readable = await query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('public', 'pg_catalog', 'information_schema', 'pg_toast')
       and has_table_privilege($1, c.oid, 'select, insert, update, delete')`,
    [rows[0]?.user],
  )
  for (const { name } of readable) ledger.found(name, 'the tenant role may use it')
}

type Outcome =
  | { readonly kind: 'done'; readonly count: number | null; readonly rows: readonly Record<string, unknown>[] }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }

/** In a transaction of its own, which is rolled back. */
async function attempt(client: pg.Client, statement: string, tenantId?: string): Promise<Outcome> {
  await client.query('begin')
  try {
    if (tenantId !== undefined) await client.query(`select set_config('tenantry.tenant_id', $1, true)`, [tenantId])
    const { rowCount, rows } = await client.query(statement)
    return { kind: 'done', count: rowCount, rows }
  } catch (error) {
    const { code, message } = error as pg.DatabaseError
    return code !== undefined && refusals.has(code) ? { kind: 'refused' } : { kind: 'failed', code, message }
  } finally {
    await client.query('rollback')
  }
}
