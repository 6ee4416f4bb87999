/** Bodies and parameters of the routes about a tenant's users, invitations and API keys. */
import { z } from 'zod'
import { apiKeyScopes, tenantRoles } from '../../core/identity.ts'
import { password, username } from './auth.ts'
import { comparedTime, listOf, listParameters } from './common.ts'

const role = z.enum(tenantRoles)
const scopes = z
  .array(z.enum(apiKeyScopes))
  .min(1)
  .max(apiKeyScopes.length)
  .refine((list) => new Set(list).size === list.length, 'must not name a scope twice')

export const usersQuery = z.strictObject(listParameters)
export const invitationsQuery = z.strictObject(listParameters)
export const apiKeysQuery = z.strictObject(listParameters)

export const userCreation = z.strictObject({
  username,
  password: password.optional().describe('One is generated, and shown once, when it is left out.'),
  role,
})

export const userChange = z
  .strictObject({ role: role.optional(), password: password.optional().describe('Ends the sessions of the user.') })
  .refine((change) => Object.keys(change).length > 0, 'must change something')

export const userSchema = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  username: z.string(),
  role,
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
export const createdUser = z.strictObject({
  ...userSchema.shape,
  password: z.string().optional().describe('The generated password: this is its only copy.'),
})
export const userList = listOf(userSchema)

export const invitationCreation = z.strictObject({
  role,
  username: username.optional().describe('Who alone may use it; whoever has the token when left out.'),
  expires_in_hours: z.int().min(1).max(720).default(168),
})

export const invitationSchema = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  role,
  username: z.string().nullable(),
  invited_by: z.string().nullable(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
})
export const createdInvitation = z.strictObject({
  ...invitationSchema.shape,
  token: z.string().describe('For `POST /auth/register`: this is its only copy.'),
})
export const invitationList = listOf(invitationSchema)

export const apiKeyCreation = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .refine((text) => !/\p{Cc}|\p{Cs}/u.test(text), 'must consist of printable characters'),
  scopes,
  expires_at: comparedTime.nullish().describe('Never when left out.'),
})

export const apiKeyRotation = z.strictObject({
  overlap_seconds: z.int().min(0).max(604_800).default(3600).describe('How long the old key works beside the new one.'),
})

export const apiKeySchema = z.strictObject({
  id: z.uuid(),
  tenant_id: z.uuid(),
  name: z.string(),
  prefix: z.string().describe('The beginning of the key, by which people recognize it.'),
  scopes: z.array(z.enum(apiKeyScopes)),
  created_by: z.string().nullable(),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable().describe('To the minute.'),
  expires_at: z.iso.datetime().nullable(),
})
export const createdApiKey = z.strictObject({
  ...apiKeySchema.shape,
  key: z.string().describe('For `X-Api-Key`: this is its only copy.'),
})
export const apiKeyList = listOf(apiKeySchema)
