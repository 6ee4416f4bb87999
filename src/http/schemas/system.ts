/** Answers of the routes about the node itself. */
import { z } from 'zod'

export const liveness = z.strictObject({ status: z.literal('live'), version: z.string() })

const check = z.strictObject({ ok: z.boolean(), detail: z.string() })

export const readinessAnswer = z.strictObject({
  status: z.enum(['ready', 'not_ready', 'draining']),
  checks: z.record(z.string(), check),
})
