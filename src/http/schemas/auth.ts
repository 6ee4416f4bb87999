/** Bodies of the authentication routes. */
import { z } from 'zod'
import { apiKeyScopes, tenantRoles } from '../../core/identity.ts'
import { listParameters } from './common.ts'

const control = /\p{Cc}|\p{Cs}/u

const invisible = /\p{Cf}/u

/** A name that somebody may take. Names that look the same are the same, as far as Unicode can tell. */
export const username = z
  .string()
  .normalize('NFC')
  .min(1)
  .max(200)
  .refine(
    (text) => !control.test(text) && !invisible.test(text) && text.trim() === text,
    'must consist of visible characters, without space at either end',
  )

/** A password that somebody may choose. */
export const password = z
  .string()
  .normalize('NFC')
  .min(8)
  .max(200)
  .refine((text) => !control.test(text), 'must not contain control characters')

export const loginBody = z.strictObject({
  username: z.string().normalize('NFC').min(1).max(200),
  password: z.string().min(1).max(1024),
  tenant_id: z
    .string()
    .max(200)
    .nullish()
    .describe('The tenant of a tenant user. A platform admin has none: null, nothing, or a text that is no UUID.'),
})

export const refreshBody = z.strictObject({ refresh_token: z.string().min(1).max(200) })

export const registrationBody = z
  .strictObject({
    username,
    password,
    invitation: z.string().min(1).max(200).optional().describe('The token of an invitation: the user joins the inviting tenant.'),
    tenant_name: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .optional()
      .describe('A new tenant, whose owner the user becomes; where registration is open.'),
  })
  .refine(({ invitation, tenant_name }) => (invitation === undefined) !== (tenant_name === undefined), {
    path: ['invitation'],
    message: 'exactly one of invitation and tenant_name is required',
  })

export const passwordBody = z.strictObject({ current_password: z.string().min(1).max(1024), new_password: password })

export const loginUser = z.strictObject({
  id: z.string(),
  username: z.string(),
  role: z.enum(['admin', ...tenantRoles]),
  tenant_id: z.uuid().nullable(),
})

export const loginAnswer = z.strictObject({
  token: z.string().describe('For `Authorization: Bearer`.'),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('Seconds.'),
  refresh_token: z.string().describe('Good for one refresh.'),
  user: loginUser,
})

export const callerSchema = z.union([
  loginUser,
  z.strictObject({ id: z.string(), api_key: z.string().describe('Its name.'), scopes: z.array(z.enum(apiKeyScopes)), tenant_id: z.uuid() }),
])

export const sessionsQuery = z.strictObject(listParameters)

export const sessionSchema = z.strictObject({
  id: z.uuid(),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().describe('Its login or its last refresh.'),
  expires_at: z.iso.datetime(),
  address: z.string(),
  user_agent: z.string().nullable(),
  current: z.boolean().describe('Whether it is the session of this request.'),
})
