/** Platform admins, and the keys that sign their tokens. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table admins (
      id uuid primary key default gen_random_uuid(),
      username text not null constraint admins_username_key unique,
      password_hash text not null,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`.execute(db)
  await sql`
    create table signing_keys (
      kid text primary key,
      secret bytea not null,
      created_at timestamptz not null default now()
    )`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`drop table signing_keys`.execute(db)
  await sql`drop table admins`.execute(db)
}
