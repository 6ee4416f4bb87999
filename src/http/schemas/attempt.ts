/** One attempt of a message, as its history shows it. */
import { z } from 'zod'
import { count } from './common.ts'

export const attemptSchema = z.strictObject({
  attempt: count.describe('Counted from 1.'),
  started_at: z.iso.datetime(),
  duration_ms: z.number(),
  outcome: z.enum(['failed', 'deferred']).describe('`deferred` when its destination was out of reach and no handler ran.'),
  error_class: z.string(),
  error: z.string().nullable().describe('null when it is hidden.'),
})
