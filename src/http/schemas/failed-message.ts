/** Bodies and parameters of the failed-message routes. */
import { z } from 'zod'
import { failedStatuses } from '../../core/failure.ts'
import { attemptSchema } from './attempt.ts'
import { comparedTime, count, dataHidden, listOf, listParameters, messageIdText, severalOf } from './common.ts'

/** The statuses that a retry and a discard take. */
export const openStatuses = ['pending', 'permanently_failed'] as const

const conditions = {
  type: z.string().min(1).max(200).optional(),
  error: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Part of the class or the message of the error, in any case; not for callers from whom the texts are hidden.'),
  fingerprint: z.string().min(1).max(200).optional().describe('Failures of one kind have the same.'),
  since: comparedTime.optional().describe('Failed last at this time or later.'),
  until: comparedTime.optional().describe('Failed last before this time.'),
}

export const failedMessagesQuery = z.strictObject({
  ...listParameters,
  status: severalOf(failedStatuses).optional().describe('One or more, separated by commas or given several times.'),
  ...conditions,
})

const openStatus = z.enum(openStatuses)

/** Which failed messages a bulk operation means. */
export const failedSelection = z
  .strictObject({
    ids: z.array(messageIdText).min(1).max(1000).optional(),
    status: z
      .union([openStatus, z.array(openStatus).min(1).max(openStatuses.length)], `must be one or more of ${openStatuses.join(', ')}`)
      .optional()
      .describe('Both when left out; no other can be retried or discarded.'),
    ...conditions,
    all: z.literal(true).optional().describe('Needed when there is no condition: nobody means everything by accident.'),
    dry_run: z.boolean().default(false).describe('Count, and change nothing.'),
  })
  .refine(({ dry_run: _, ...selection }) => Object.values(selection).some((condition) => condition !== undefined), {
    path: ['all'],
    message: 'must be true when there is no condition',
  })
  .meta({ examples: [{ type: 'email', error: 'timeout', dry_run: true }, { all: true }] })

const failure = z.strictObject({ class: z.string(), message: z.string().nullable().describe('null when it is hidden.') })

export const failedMessageSchema = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  message_id: z.uuid().nullable().describe('The same as `id`; null when what arrived was not a message of the engine.'),
  type: z.string().nullable(),
  priority: z.literal([0, 1, 2]),
  key: z.string().nullable(),
  status: z.enum(failedStatuses),
  attempts: count,
  retry_count: count.describe('How often it was put in the queue again.'),
  next_retry_at: z.iso.datetime().nullable(),
  error: failure.describe('Of the last attempt.'),
  data_hidden: dataHidden,
  fingerprint: z.string().describe('The same for failures of the same kind.'),
  reason: z.string().nullable().describe('Why nobody tries it again.'),
  created_at: z.iso.datetime(),
  failed_at: z.iso.datetime().describe('When the last attempt failed.'),
  updated_at: z.iso.datetime(),
  closed_at: z.iso.datetime().nullable().describe('When it was resolved, given up or discarded.'),
})

export const failedMessageList = listOf(failedMessageSchema)

export const failedMessageDetail = z.strictObject({
  ...failedMessageSchema.shape,
  data: z.unknown().describe('The body when it is JSON, else null; null when it is hidden.'),
  raw_base64: z.string().nullable().describe('The bytes of the body when it is not JSON, else null; null when it is hidden.'),
  history: z.array(attemptSchema).describe('The attempts that failed, oldest first; the last 50.'),
})

export const bulkAnswer = z.strictObject({
  matched: count.describe('How many were changed; with `dry_run` how many meet the conditions.'),
  dry_run: z.boolean(),
})

export const failedStatsSchema = z.strictObject({
  by_status: z.record(z.enum(failedStatuses), count),
  kinds: z
    .array(
      z.strictObject({
        fingerprint: z.string(),
        type: z.string().nullable(),
        error: failure.describe('One example.'),
        count,
        last_failed_at: z.iso.datetime(),
      }),
    )
    .describe('The most frequent kinds of failure that are not resolved or discarded, at most 20.'),
  next_retry_at: z.iso.datetime().nullable(),
})
