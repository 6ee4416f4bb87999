/** Roles of users, scopes of API keys, and whoever does something. */
import type { TenantId } from './ids.ts'

/** What a user may do inside a tenant; each role may do all that the roles before it may. */
export const tenantRoles = ['viewer', 'member', 'operator', 'owner'] as const
export type TenantRole = (typeof tenantRoles)[number]

/** What an API key may do; a key has one or more of them. */
export const apiKeyScopes = ['publish', 'read', 'operate'] as const
export type ApiKeyScope = (typeof apiKeyScopes)[number]

/** Whose session it is. */
export type SessionOwner =
  | { readonly kind: 'admin'; readonly adminId: string }
  | { readonly kind: 'tenant_user'; readonly tenantId: TenantId; readonly userId: string }

/** How many sessions of one owner there are; of several that begin at once each may be one more, until another begins. */
export const maxSessions = 100
/** How many spent refresh tokens of a session are known for spent ones. */
export const maxSpentTokens = 20

/** Who did something, for the audit log: what they are called then, and the id that stays. */
export interface Doer {
  readonly kind: 'admin' | 'tenant_user' | 'api_key' | 'anonymous'
  readonly id: string | null
  readonly name: string | null
}

/** Whose message data the API shows: everybody's who may read messages; not the platform admins'; the tenant's owners' alone; nobody's. */
export const payloadVisibilities = ['all', 'tenant', 'owner', 'none'] as const
export type PayloadVisibility = (typeof payloadVisibilities)[number]
