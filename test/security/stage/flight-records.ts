/** Flight records of the stage's tenants: crashes leave them, and nothing that the API offers. */
import type pg from 'pg'
import type { TenantId } from '../../../src/core/ids.ts'
import { createDump } from '../../support/memory-inspection.ts'

const perTenant = 2

/** Of each tenant id one record's id. The tenant's word is in all that a record says. */
export async function addFlightRecords(pool: pg.Pool, wordOf: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
  const added = Object.entries(wordOf).map(async ([tenantId, word]) => {
    const dump = createDump(`tenant:${tenantId}`, tenantId as TenantId, `crashed over ${word}`)
    const { rows } = await pool.query<{ id: string }>(
      `insert into flight_records (id, tenant_id, node_id, actor_id, machine, reason, dump)
       select gen_random_uuid(), $1, $2, $3, $4, $5, $6 from generate_series(1, $7) returning id`,
      [tenantId, dump.node, dump.actorId, dump.machine, dump.reason, JSON.stringify(dump), perTenant],
    )
    return [tenantId, rows[0]?.id ?? ''] as const
  })
  return new Map(await Promise.all(added))
}
