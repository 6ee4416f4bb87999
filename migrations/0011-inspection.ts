/** Flight records of actors, and what a message that waits for its time belongs to for those who trace it. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table failed_messages add column trace text`.execute(db)
  await sql`alter table scheduled_messages add column trace text`.execute(db)
  await sql`
    create table flight_records (
      id uuid not null constraint flight_records_pkey primary key,
      -- null for the actors of the platform
      tenant_id uuid,
      node_id text not null,
      actor_id text not null,
      machine text not null,
      reason text not null,
      recorded_at timestamptz not null default now(),
      -- JSON as text: it is read whole, and may hold what jsonb refuses
      dump text not null
    )`.execute(db)
  await sql`create index flight_records_newest_idx on flight_records (recorded_at desc, id desc)`.execute(db)
  await sql`create index flight_records_tenant_idx on flight_records (tenant_id, recorded_at desc, id desc) where tenant_id is not null`.execute(
    db,
  )
  const isOwn = sql`tenant_id = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid)`
  await sql`alter table flight_records enable row level security, force row level security`.execute(db)
  await sql`create policy tenant on flight_records using (${isOwn}) with check (${isOwn})`.execute(db)
  await sql`create policy service on flight_records to current_user using (true) with check (true)`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table flight_records`.execute(db)
  await sql`alter table scheduled_messages drop column trace`.execute(db)
  await sql`alter table failed_messages drop column trace`.execute(db)
}
