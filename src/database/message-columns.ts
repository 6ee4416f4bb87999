/** What is written of every message, as array literals: one parameter for each column of a batch. */
import { AppError } from '../core/errors.ts'
import type { MessageRecord } from '../core/ports/message-store.ts'
import { toPlainArray, toTextArray } from './array-literal.ts'

/** In this order: tenant_id, id, type, data, priority, key, created_ms. Errors: AppError `database.refused_row`. */
export const toMessageColumns = (records: readonly MessageRecord[]): readonly string[] => [
  toIdArray(records.map((record) => record.tenantId)),
  toIdArray(records.map((record) => record.id)),
  toTextArray(records.map((record) => record.type)),
  toTextArray(records.map((record) => record.data)),
  toPlainArray(records.map((record) => record.priority)),
  toTextArray(records.map((record) => record.key)),
  toPlainArray(records.map((record) => Math.round(record.createdAtMs))),
]

const uuid = /^[0-9a-f-]{36}$/i

/** An array of UUIDs. Errors: AppError `database.refused_row`: an id with a comma in it would shift its column against the others. */
export function toIdArray(ids: readonly string[]): string {
  for (const id of ids) {
    if (!uuid.test(id)) throw new AppError('database.refused_row', 'an id is not a UUID', { scope: 'message' })
  }
  return toPlainArray(ids)
}
