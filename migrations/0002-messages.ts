/** Messages: one partition per tenant, attached when the tenant is created. There is no default partition on purpose. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table messages (
      tenant_id uuid not null,
      id uuid not null,
      type text not null,
      data jsonb,
      priority smallint not null,
      key text,
      status text not null constraint messages_status_check check (status in ('processed', 'retrying', 'failed')),
      attempts integer not null,
      error text,
      created_at timestamptz not null,
      processed_at timestamptz,
      constraint messages_pkey primary key (tenant_id, id)
    ) partition by list (tenant_id)`.execute(db)
  await sql`create index messages_newest_idx on messages (created_at desc, id desc)`.execute(db)
}

/** Drops every tenant's partition with it; with thousands of them, raise max_locks_per_transaction first. */
export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table messages`.execute(db)
}
