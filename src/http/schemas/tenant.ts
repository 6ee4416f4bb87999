/** Bodies and parameters of the tenant routes. */
import { z } from 'zod'
import { maxWorkers, minWorkers } from '../../core/tenant.ts'
import { count, listOf, listParameters, wholeNumber } from './common.ts'
import { certificateSchema } from './erasure.ts'
import { messageDrafts } from './message.ts'
import { tenantConfig } from './tenant-config.ts'

const name = z.string().trim().min(1).max(200)
const description = z.string().max(2000).nullable()
const wantedStatus = z.enum(['active', 'paused'])
const workers = z.number().int().min(minWorkers).max(maxWorkers)

export const tenantCreation = z
  .strictObject({
    name,
    description: description.optional(),
    status: wantedStatus.default('active'),
    workers: workers.optional(),
    max_workers: workers.optional().describe('Another name of `workers`.'),
    config: tenantConfig.optional(),
    messages: messageDrafts.optional().describe('Published once the tenant exists.'),
  })
  .refine((body) => body.workers === undefined || body.max_workers === undefined || body.workers === body.max_workers, {
    path: ['max_workers'],
    message: 'must equal workers when both are given',
  })

export const tenantChange = z
  .strictObject({
    name: name.optional(),
    description: description.optional(),
    status: wantedStatus.optional(),
    config: tenantConfig.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'must change something')

export const concurrencyBody = z.strictObject({ workers })

export const tenantsQuery = z.strictObject({
  ...listParameters,
  status: z.enum(['active', 'paused', 'drained', 'deleting']).optional(),
  q: z.string().min(1).max(200).optional().describe('Part of the name, in any case.'),
})

export const deletionQuery = z.strictObject({
  mode: z.enum(['drain', 'discard']).default('drain').describe('Finish the queue first, or drop it.'),
  deadline_ms: wholeNumber(0, 600_000).default(30_000).describe('How long the queue may take to finish; what is left is then discarded.'),
})

export const tenantSchema = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  description: z.string().nullable(),
  status: z.enum(['active', 'paused', 'drained', 'deleting']).describe('What an operator asked for.'),
  state: z.string().describe('What the actor is in now.'),
  workers: count,
  current_workers: count,
  max_workers: count.describe('Another name of `workers`.'),
  queue_name: z.string(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})

export const tenantList = listOf(tenantSchema)

export const drainingTenant = z.strictObject({
  ...tenantSchema.shape,
  remaining: z.strictObject({ ready: count, in_flight: count }),
})

export const deletionAnswer = z.strictObject({
  id: z.uuid(),
  status: z.literal('deleted'),
  drained: count,
  discarded: count,
  certificate: certificateSchema.nullable().describe('What was found and removed; null while another node finishes.'),
})

export const concurrencyAnswer = z.strictObject({
  tenant_id: z.uuid(),
  workers: count,
  previous_workers: count,
  current_workers: count,
})

export const tenantStatsSchema = z.strictObject({
  queue: z.strictObject({ ready: count, unacked: count.nullable().describe('null where the broker cannot say.'), dlq: count }),
  in_flight: count,
  rate_1m: z.number().describe('Messages a second over the last minute.'),
  latency_ms: z.strictObject({ p50: z.number().nullable(), p99: z.number().nullable() }),
  workers: z.strictObject({ desired: count, current: count, busy: count }),
  state: z.string(),
  circuits: z
    .array(
      z.strictObject({
        destination: z.string(),
        state: z.enum(['open', 'half_open']),
        until: z.iso.datetime(),
        reason: z
          .string()
          .nullable()
          .describe('The error that opened it; null when message data, which it may quote, is hidden from the caller.'),
      }),
    )
    .describe('Destinations whose messages are put off because they kept failing, as the answering node sees them.'),
})
