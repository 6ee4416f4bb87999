/** The INSERTs of the contenders: rows as the engine's, one by one or a batch through unnest. */
import type { Pool } from 'pg'
import type { TenantId } from '../../../src/core/ids.ts'

export interface NewRow {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly createdAtMs: number
}

const one = `
insert into messages (tenant_id, id, type, data, priority, status, attempts, created_at, processed_at)
values ($1, $2, $3, $4, 0, 'processed', 1, to_timestamp($5 / 1000::float8), now())
on conflict do nothing`

const many = `
insert into messages (tenant_id, id, type, data, priority, status, attempts, created_at, processed_at)
select $1, r.id, r.type, r.data::jsonb, 0, 'processed', 1, to_timestamp(r.created_ms / 1000::float8), now()
from unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[]) as r (id, type, data, created_ms)
on conflict do nothing`

export async function insertOne(pool: Pool, tenantId: TenantId, row: NewRow): Promise<void> {
  await pool.query(one, [tenantId, row.id, row.type, JSON.stringify(row.data), row.createdAtMs])
}

export async function insertMany(pool: Pool, tenantId: TenantId, rows: readonly NewRow[]): Promise<void> {
  await pool.query(many, [
    tenantId,
    rows.map((row) => row.id),
    rows.map((row) => row.type),
    rows.map((row) => JSON.stringify(row.data)),
    rows.map((row) => row.createdAtMs),
  ])
}
