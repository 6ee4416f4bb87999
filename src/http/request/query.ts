/** Reads a request's query parameters by a schema. */
import { z } from 'zod'
import { inspectText } from '../../core/json.ts'
import { type Fault, invalid } from './refusal.ts'
import { toFaults } from './zod-faults.ts'

const noQuery = z.strictObject({})

/**
 * The parameters as the schema describes them; one that is given several times reaches the schema as a list of texts.
 *
 * Errors: Refusal `request.invalid` naming the parameter that is unknown, given twice, not storable text, or not as described.
 */
export function parseQuery(query: unknown, schema: z.ZodType = noQuery): unknown {
  const parameters = query as Readonly<Record<string, string | readonly string[]>>
  for (const [name, value] of Object.entries(parameters)) {
    const fault = [value].flat().reduce((found, text) => found ?? inspectText(text, name), inspectText(name, 'query'))
    if (fault) throw invalid(fault)
  }
  const parsed = schema.safeParse(query)
  if (!parsed.success) throw invalid(...toFaults(parsed.error, 'query parameter').map((fault) => toParameterFault(fault, parameters)))
  return parsed.data
}

/** A fault of one of a parameter's texts is the parameter's; a fault of a list itself means that it may be no list. */
function toParameterFault({ path, message }: Fault, parameters: Readonly<Record<string, unknown>>): Fault {
  if (Array.isArray(parameters[path])) return { path, message: 'is given more than once' }
  return { path: path.replace(/\[\d+\]$/, ''), message }
}
