/** Reads what is left of deleted tenants. */
import { type InferResult, sql } from 'kysely'
import type { TenantId } from '../../core/ids.ts'
import type { Tombstone, TombstonePage, TombstoneQuery } from '../../core/ports/tenant-store.ts'
import { type Statements, statements } from '../client.ts'
import { toCertificate } from '../erase-tenant.ts'

const deletedAtMicros = sql<string>`(extract(epoch from deleted_at) * 1000000)::bigint::text`

const selectTombstones = () =>
  statements.selectFrom('tenant_tombstones').select(['tenant_id', 'discarded', 'deleted_at', 'certificate', deletedAtMicros.as('micros')])

type TombstoneRow = InferResult<ReturnType<typeof selectTombstones>>[number]

export async function findTombstone(client: Statements, tenantId: TenantId): Promise<Tombstone | undefined> {
  const [row] = await client.rows(selectTombstones().where('tenant_id', '=', tenantId))
  return row === undefined ? undefined : toTombstone(row)
}

/** The last deleted first. */
export async function listTombstones(client: Statements, { after, limit }: TombstoneQuery): Promise<TombstonePage> {
  let tombstones = selectTombstones()
  if (after !== undefined) {
    tombstones = tombstones.where(
      sql<boolean>`(deleted_at, tenant_id) < (timestamptz 'epoch' + ${after.createdAtMicros}::bigint * interval '1 microsecond', ${after.id}::uuid)`,
    )
  }
  // One row more than asked for tells whether there are more.
  const rows = await client.rows(
    tombstones
      .orderBy('deleted_at', 'desc')
      .orderBy('tenant_id', 'desc')
      .limit(limit + 1),
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? { createdAtMicros: last.micros, id: last.tenant_id } : undefined
  return { tombstones: page.map((row) => ({ tenantId: row.tenant_id, ...toTombstone(row) })), next }
}

const toTombstone = (row: TombstoneRow): Tombstone => ({
  discarded: row.discarded,
  deletedAt: row.deleted_at,
  certificate: toCertificate(row.tenant_id, row.certificate, row.deleted_at),
})
