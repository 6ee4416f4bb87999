/**
 * Row-level security on every table with rows of tenants: whoever is not the service sees the rows of the tenant that is set for the
 * transaction, and none without one. Partitions are protected when they are made, and older ones by the engine at its start.
 */
import { type Kysely, sql } from 'kysely'

/** Each table, and the column that says whose a row is. */
const tables: Readonly<Record<string, string>> = {
  tenants: 'id',
  tenant_tombstones: 'tenant_id',
  tenant_reports: 'tenant_id',
  messages: 'tenant_id',
  failed_messages: 'tenant_id',
  scheduled_messages: 'tenant_id',
  idempotency_keys: 'tenant_id',
  users: 'tenant_id',
  sessions: 'tenant_id',
  refresh_tokens: 'tenant_id',
  invitations: 'tenant_id',
  api_keys: 'tenant_id',
  audit_log: 'tenant_id',
  tenant_secrets: 'tenant_id',
}

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [table, column] of Object.entries(tables)) await protect(db, table, column)
  // Roles that requests run as; `password` is null for one that the engine has not made itself.
  await sql`
    create table tenant_role (
      name text not null constraint tenant_role_pkey primary key,
      password text,
      created_at timestamptz not null default now()
    )`.execute(db)
  // What an erasure has found, until it is complete; then the tombstone has it.
  await sql`alter table tenants add column erasure jsonb`.execute(db)
  await sql`alter table tenant_tombstones add column certificate jsonb`.execute(db)
  await sql`create index tenant_tombstones_newest_idx on tenant_tombstones (deleted_at desc, tenant_id desc)`.execute(db)
  // An erasure counts and removes by tenant.
  await sql`create index refresh_tokens_tenant_idx on refresh_tokens (tenant_id) where tenant_id is not null`.execute(db)
}

async function protect(db: Kysely<unknown>, table: string, column: string): Promise<void> {
  // In a subquery it is evaluated once, not for each row. A setting that was set in an earlier transaction is '' and not null.
  const isOwn = sql.raw(`${column} = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid)`)
  const name = sql.table(table)
  await sql`alter table ${name} enable row level security, force row level security`.execute(db)
  await sql`create policy tenant on ${name} using (${isOwn}) with check (${isOwn})`.execute(db)
  await sql`create policy service on ${name} to current_user using (true) with check (true)`.execute(db)
}

/** Ends the protection of every partition; with thousands of them, raise max_locks_per_transaction first. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop index refresh_tokens_tenant_idx`.execute(db)
  await sql`drop index tenant_tombstones_newest_idx`.execute(db)
  await sql`alter table tenant_tombstones drop column certificate`.execute(db)
  await sql`alter table tenants drop column erasure`.execute(db)
  await dismissRoles(db)
  await sql`drop table tenant_role`.execute(db)
  const partitions = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = to_regclass('messages') and c.relrowsecurity`.execute(db)
  for (const table of [...Object.keys(tables), ...partitions.rows.map(({ name }) => name)]) await expose(db, table)
}

async function expose(db: Kysely<unknown>, table: string): Promise<void> {
  const name = sql.table(table)
  await sql`drop policy if exists tenant on ${name}`.execute(db)
  await sql`drop policy if exists service on ${name}`.execute(db)
  await sql`alter table ${name} disable row level security, no force row level security`.execute(db)
}

/** Nobody who was kept to one tenant may keep access to tables that are open to all. */
async function dismissRoles(db: Kysely<unknown>): Promise<void> {
  const roles = await sql<{ name: string; made: boolean; schema: string }>`
    select r.rolname as name, t.password is not null as made, current_schema() as schema
    from tenant_role t join pg_roles r on r.rolname = t.name and r.rolname <> current_user`.execute(db)
  for (const { name, made, schema } of roles.rows) {
    const role = sql.ref(name)
    await sql`revoke all on all tables in schema ${sql.ref(schema)} from ${role}`.execute(db)
    await sql`revoke all on schema ${sql.ref(schema)} from ${role}`.execute(db)
    if (made) await sql`drop role ${role}`.execute(db)
  }
}
