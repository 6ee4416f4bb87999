/** Tenants: desired state, and what is left of those that were deleted. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table tenants (
      id uuid primary key,
      name text not null constraint tenants_name_key unique,
      description text,
      status text not null constraint tenants_status_check check (status in ('active', 'paused', 'drained', 'deleting')),
      workers integer not null constraint tenants_workers_check check (workers between 1 and 50),
      config jsonb not null default '{}',
      version bigint not null default 1,
      restart_generation integer not null default 0,
      deletion jsonb,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      constraint tenants_deletion_check check ((status = 'deleting') = (deletion is not null))
    )`.execute(db)
  await sql`create index tenants_newest_idx on tenants (created_at desc, id desc)`.execute(db)
  await sql`
    create table tenant_tombstones (
      tenant_id uuid primary key,
      discarded bigint not null,
      deleted_at timestamptz not null default now()
    )`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table tenant_tombstones`.execute(db)
  await sql`drop table tenants`.execute(db)
}
