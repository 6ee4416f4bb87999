/** Reads a request's query parameters by a schema. */
import { z } from 'zod'
import { inspectText } from '../../core/json.ts'
import { invalid } from './refusal.ts'
import { toFaults } from './zod-faults.ts'

const noQuery = z.strictObject({})

/**
 * The parameters as the schema describes them; every parameter is a single text before the schema sees it.
 *
 * Errors: Refusal `request.invalid` naming the parameter that is unknown, given twice, not storable text, or not as described.
 */
export function parseQuery(query: unknown, schema: z.ZodType = noQuery): unknown {
  for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
    if (typeof value !== 'string') throw invalid({ path: name, message: 'is given more than once' })
    const fault = inspectText(name, 'query') ?? inspectText(value, name)
    if (fault) throw invalid(fault)
  }
  const parsed = schema.safeParse(query)
  if (!parsed.success) throw invalid(...toFaults(parsed.error, 'query parameter'))
  return parsed.data
}
