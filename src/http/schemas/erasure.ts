/** Parameters and answers of the routes about deleted tenants. */
import { z } from 'zod'
import { count, listOf, listParameters } from './common.ts'

export const erasuresQuery = z.strictObject(listParameters)

export const certificateSchema = z.strictObject({
  tenant_id: z.uuid(),
  started_at: z.iso.datetime(),
  completed_at: z.iso.datetime(),
  places: z
    .array(
      z.strictObject({
        name: z.string().describe('A table, the partition or a queue.'),
        kind: z.enum(['table', 'partition', 'queue']),
        found: count.describe('Rows or messages before the first of them went.'),
        left: count.describe('When all was done: 0, or the erasure is not complete.'),
      }),
    )
    .describe('Where something of the tenant was looked for.'),
})

export const erasureSchema = z.strictObject({
  tenant_id: z.uuid(),
  deleted_at: z.iso.datetime(),
  discarded: count.describe('Messages that were dropped unprocessed.'),
  certificate: certificateSchema.nullable().describe('null for a tenant that was deleted before there were certificates.'),
})

export const erasureList = listOf(erasureSchema)
