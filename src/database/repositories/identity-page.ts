/** Pages of the identity lists. */
import type { IdentityPage } from '../../core/ports/identity-store.ts'

/** The first `limit` rows as a page; a row more than that tells that there is a next one. */
export function toPage<Row extends { readonly id: string; readonly micros: string }, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
): IdentityPage<Item> {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? { createdAtMicros: last.micros, id: last.id } : undefined
  return { items: page.map(toItem), next }
}
