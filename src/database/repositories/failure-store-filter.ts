/** Which rows a filter of failed messages means. */
import { type RawBuilder, sql } from 'kysely'
import type { TenantId } from '../../core/ids.ts'
import type { FailedFilter } from '../../core/ports/failure-store.ts'
import { toPlainArray } from '../array-literal.ts'
import { toContainsPattern } from './tenant-rows.ts'

/** A condition on `failed_messages f`. */
export function isMeant(tenantId: TenantId, filter: FailedFilter): RawBuilder<boolean> {
  const conditions = [sql<boolean>`f.tenant_id = ${tenantId}::uuid`]
  const add = (condition: RawBuilder<boolean>) => conditions.push(condition)
  if (filter.ids !== undefined) add(sql`f.id = any(${toPlainArray(filter.ids)}::uuid[])`)
  if (filter.statuses !== undefined) add(sql`f.status = any(${toPlainArray(filter.statuses)}::text[])`)
  if (filter.type !== undefined) add(sql`f.type = ${filter.type}`)
  if (filter.error !== undefined && filter.error !== '') {
    const pattern = toContainsPattern(filter.error)
    add(sql`(f.error_class ilike ${pattern} or f.error ilike ${pattern})`)
  }
  if (filter.isPublishable) add(sql`f.type is not null`)
  if (filter.fingerprint !== undefined) add(sql`f.fingerprint = ${filter.fingerprint}`)
  if (filter.since !== undefined) add(sql`f.failed_at >= ${filter.since}`)
  if (filter.until !== undefined) add(sql`f.failed_at < ${filter.until}`)
  return sql.join(conditions, sql` and `)
}
