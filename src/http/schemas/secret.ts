/** Bodies and answers of the routes about a tenant's secrets. */
import { z } from 'zod'
import { listOf, listParameters } from './common.ts'

export const secretName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must consist of 1 to 64 letters, digits, dots, hyphens and underscores, a letter or digit first',
  )

export const secretsQuery = z.strictObject(listParameters)

export const secretBody = z.strictObject({ value: z.string().min(1).max(8192).describe('Sealed at once, and never shown.') })

export const secretSchema = z.strictObject({ name: z.string(), created_at: z.iso.datetime(), updated_at: z.iso.datetime() })

export const secretList = listOf(secretSchema)
