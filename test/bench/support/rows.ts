/** Reads from the stored rows how fast they came: the database's clock is the same for every contender. */
import { setTimeout as delay } from 'node:timers/promises'
import type { TenantId } from '../../../src/core/ids.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import type { Services } from './services.ts'

const waitLimitMs = 180_000

/** The table of a contender that is no tenant of the engine: a partition like every other. */
export async function createPartition({ query }: Services, tenantId: TenantId): Promise<void> {
  const table = partitionName(tenantId)
  await query(`create table ${table} (like messages including all)`)
  await query(`alter table messages attach partition ${table} for values in ('${tenantId}')`)
}

/** Resolves when `table` has `count` rows. */
export async function waitForRows({ query }: Services, table: string, count: number, everyMs: number): Promise<void> {
  const endsAt = performance.now() + waitLimitMs
  for (;;) {
    const [row] = await query<{ rows: number }>(`select count(*)::int as rows from ${table}`)
    if ((row?.rows ?? 0) >= count) return
    if (performance.now() > endsAt) throw new Error(`${table} has ${row?.rows} of ${count} rows after ${waitLimitMs} ms`)
    await delay(everyMs)
  }
}

/** Messages per second between the 5th and the 95th percentile of the times at which their INSERT began. */
export async function readRate({ query }: Services, table: string): Promise<number> {
  const [row] = await query<{ rate: number }>(`
    with span as (
      select percentile_disc(0.05) within group (order by processed_at) as low,
             percentile_disc(0.95) within group (order by processed_at) as high
      from ${table}
    )
    select (count(*) / extract(epoch from max(high) - max(low)))::float8 as rate
    from ${table}, span where processed_at > low and processed_at <= high`)
  return row?.rate ?? 0
}
