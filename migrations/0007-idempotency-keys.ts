/** Idempotency keys: which messages a request with a key has published. */
import { type Kysely, sql } from 'kysely'

/** `begun` counts the requests that have taken the key: above 1, an earlier one may have published its ids. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table idempotency_keys (
      tenant_id uuid not null,
      key text not null,
      digest text not null,
      ids uuid[] not null,
      begun integer not null default 1,
      published boolean not null default false,
      leased_until timestamptz not null,
      expires_at timestamptz not null,
      created_at timestamptz not null default now(),
      constraint idempotency_keys_pkey primary key (tenant_id, key)
    )`.execute(db)
  await sql`create index idempotency_keys_expiry_idx on idempotency_keys (expires_at)`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table idempotency_keys`.execute(db)
}
