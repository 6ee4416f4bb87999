/** Bodies of the authentication routes. */
import { z } from 'zod'

export const loginBody = z.strictObject({
  username: z.string().min(1).max(200),
  password: z.string().min(1).max(1024),
  tenant_id: z.string().max(200).nullish().describe('The tenant of a tenant user; a platform admin needs none.'),
})

export const userSchema = z.strictObject({
  username: z.string(),
  role: z.enum(['admin', 'viewer', 'member', 'operator', 'owner']),
  tenant_id: z.uuid().nullable(),
})

export const loginAnswer = z.strictObject({
  token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds.'),
  user: userSchema,
})
