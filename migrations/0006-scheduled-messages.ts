/** Scheduled messages: accepted, and kept here until they are due. One table for all tenants: the scheduler looks across them. */
import { type Kysely, sql } from 'kysely'

/** `release_at` is `scheduled_at` until a node claims the message, then the end of its lease. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table scheduled_messages (
      tenant_id uuid not null constraint scheduled_messages_tenant_fkey references tenants (id) on delete cascade,
      id uuid not null,
      type text not null,
      body text not null,
      priority smallint not null,
      key text,
      created_at timestamptz not null,
      scheduled_at timestamptz not null,
      release_at timestamptz not null,
      claim uuid,
      constraint scheduled_messages_pkey primary key (tenant_id, id)
    )`.execute(db)
  await sql`create index scheduled_messages_due_idx on scheduled_messages (tenant_id, release_at)`.execute(db)
  // In UTC, so that it serves only those who mean all tenants: the planner would take it for the oldest messages of one tenant too.
  await sql`create index scheduled_messages_next_idx on scheduled_messages ((release_at at time zone 'UTC'))`.execute(db)
  await sql`create index scheduled_messages_list_idx on scheduled_messages (tenant_id, scheduled_at, id)`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table scheduled_messages`.execute(db)
}
