/**
 * Failed messages: one row for each message that has failed at least once, with its body.
 *
 * Not partitioned: there are few of them beside `messages`, and what is due is claimed over all tenants. Each of the
 * indexes serves one question; a status that is wrong for the columns beside it cannot be written.
 */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table failed_messages (
      tenant_id uuid not null,
      id uuid not null,
      type text,
      priority smallint not null,
      key text,
      body bytea not null,
      status text not null constraint failed_messages_status_check
        check (status in ('pending', 'retried', 'resolved', 'permanently_failed', 'discarded')),
      attempts integer not null,
      first_attempt integer not null,
      retry_order text not null constraint failed_messages_retry_order_check check (retry_order in ('oldest', 'latest')),
      retry_count integer not null,
      next_retry_at timestamptz,
      claim uuid,
      error_class text not null,
      error text not null,
      fingerprint text not null,
      reason text,
      history jsonb not null,
      created_at timestamptz not null,
      failed_at timestamptz not null,
      updated_at timestamptz not null,
      retried_at timestamptz,
      closed_at timestamptz,
      constraint failed_messages_pkey primary key (tenant_id, id),
      constraint failed_messages_next_retry_check check ((status = 'pending') = (next_retry_at is not null)),
      constraint failed_messages_retried_check check ((status = 'retried') = (retried_at is not null)),
      constraint failed_messages_closed_check
        check ((status in ('resolved', 'permanently_failed', 'discarded')) = (closed_at is not null)),
      constraint failed_messages_claim_check check (closed_at is null or claim is null),
      constraint failed_messages_type_check check (closed_at is not null or type is not null)
    )`.execute(db)
  // What is due, tenant by tenant.
  await sql`
    create index failed_messages_due_idx on failed_messages (tenant_id, next_retry_at, id)
    where status = 'pending'`.execute(db)
  // The newest of those that go newest first; whether it is due is read from the index as well.
  await sql`
    create index failed_messages_latest_idx on failed_messages (tenant_id, created_at desc, id desc, next_retry_at)
    where status = 'pending' and retry_order = 'latest'`.execute(db)
  // What a node has in its hands or has put in a queue, and since when.
  await sql`
    create index failed_messages_claimed_idx on failed_messages (tenant_id, retried_at)
    where claim is not null`.execute(db)
  // Lists, and counts by status.
  await sql`
    create index failed_messages_newest_idx on failed_messages (tenant_id, status, created_at desc, id desc)`.execute(db)
  // Kinds of failure.
  await sql`
    create index failed_messages_kinds_idx on failed_messages (tenant_id, fingerprint, failed_at)
    where status in ('pending', 'retried', 'permanently_failed')`.execute(db)
  // What is old enough to be removed.
  await sql`
    create index failed_messages_closed_idx on failed_messages (tenant_id, closed_at)
    where closed_at is not null`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table failed_messages`.execute(db)
}
