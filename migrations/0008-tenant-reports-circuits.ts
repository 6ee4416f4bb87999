/** The circuits that a node has open for a tenant are part of what it reports. */
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table tenant_reports add column circuits jsonb not null default '[]'`.execute(db)
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`alter table tenant_reports drop column circuits`.execute(db)
}
