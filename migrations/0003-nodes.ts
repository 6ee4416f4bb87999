/** Nodes and what they report about the tenants they run. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table nodes (
      node_id text primary key,
      role text not null constraint nodes_role_check check (role in ('all', 'api', 'worker')),
      seen_at timestamptz not null default now()
    )`.execute(db)
  await sql`
    create table tenant_reports (
      tenant_id uuid not null,
      node_id text not null constraint tenant_reports_node_fkey references nodes (node_id) on delete cascade,
      state text not null,
      current_workers integer not null,
      busy_workers integer not null,
      in_flight integer not null,
      reason text,
      constraint tenant_reports_pkey primary key (tenant_id, node_id)
    )`.execute(db)
  await sql`create index tenant_reports_node_idx on tenant_reports (node_id)`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table tenant_reports`.execute(db)
  await sql`drop table nodes`.execute(db)
}
