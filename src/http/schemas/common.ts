/** Schemas that several areas share. */
import { z } from 'zod'
import { readMessageId, readTenantId } from '../../core/ids.ts'

const uuid = (isId: (text: string) => boolean) => z.string().refine(isId, 'must be a UUID').meta({ format: 'uuid' })

export const tenantIdText = uuid((text) => readTenantId(text) !== undefined)
export const messageIdText = uuid((text) => readMessageId(text) !== undefined)

/** A whole number in a query parameter. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .pipe(z.coerce.number<string>().int().min(min).max(max))

/** A parameter that may hold several of the values: separated by commas, or given several times. */
export const severalOf = <const Values extends readonly string[]>(values: Values) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) => [...new Set([given].flat().flatMap((text) => text.split(',')))])
    .pipe(z.array(z.enum(values)))

/** The parameters of every list. */
export const listParameters = {
  limit: wholeNumber(1, 200).default(50).describe('How many items at most.'),
  cursor: z.string().min(1).max(400).optional().describe('The `next_cursor` of the page before.'),
}

export const timestamp = z.iso.datetime({
  offset: true,
  error: 'must be a date and time with an offset or Z, such as 2026-12-24T18:00:00+01:00',
})

/** A time to compare with: PostgreSQL and JavaScript agree on these years. */
export const comparedTime = timestamp.refine((text) => {
  const ms = Date.parse(text)
  return ms >= 0 && ms < Date.UTC(10_000, 0)
}, 'must lie between 1970 and 9999')

/** The envelope of every list. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ data: z.array(item), next_cursor: z.string().nullable().describe('null on the last page.') })

/** Counts of things. */
export const count = z.int().min(0)

/** There only when the data is, and is not for the caller's eyes. */
export const dataHidden = z
  .literal(true)
  .optional()
  .describe('The tenant’s `payload_visibility` keeps the data from the caller, and the texts of errors, which may quote it.')

/** A body that may be left out and carries nothing. */
export const emptyBody = z.strictObject({}).optional()

export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  code: z.string(),
  request_id: z.string(),
  errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  ids: z.array(z.string()).optional().describe('With an unknown outcome: repeat with these ids, and nothing is stored twice.'),
})
