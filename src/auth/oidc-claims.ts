/** Reads a principal out of the verified claims of an identity provider's token. */
import { type TenantRole, tenantRoles } from '../core/identity.ts'
import { readTenantId } from '../core/ids.ts'
import type { AdminPrincipal, TenantUserPrincipal } from './principal.ts'

export type OidcRole = TenantRole | 'admin'

/** The claims by their names, or by their paths (`realm_access.roles`). */
export interface OidcMapping {
  readonly tenantClaim: string
  readonly roleClaim: string
  readonly usernameClaim: string
  /** `value=role`; empty: the names of a tenant's roles are the values, and nobody is an admin. */
  readonly roles: readonly string[]
}

type Claims = Readonly<Record<string, unknown>>

/** Lowest first. */
const oidcRoles = [...tenantRoles, 'admin'] as const

const maxTextLength = 255

/**
 * undefined when the claims name no subject, no role that is mapped, or, for any role but admin, no tenant.
 * Of several roles the highest counts. Whether the tenant exists is not asked here.
 *
 * Errors: none; total.
 */
export function createReadPrincipal(mapping: OidcMapping): (claims: Claims) => AdminPrincipal | TenantUserPrincipal | undefined {
  const roleOf = toRoleMap(mapping.roles)

  return (claims) => {
    const id = readText(claims.sub)
    const role = highest(listValues(readClaim(claims, mapping.roleClaim)).flatMap((value) => roleOf.get(value) ?? []))
    if (id === undefined || role === undefined) return undefined
    const username = readText(readClaim(claims, mapping.usernameClaim)) ?? id
    if (role === 'admin') return { kind: 'admin', id, username, sessionId: undefined }
    const tenant = readClaim(claims, mapping.tenantClaim)
    const tenantId = typeof tenant === 'string' ? readTenantId(tenant) : undefined
    return tenantId && { kind: 'tenant_user', id, username, tenantId, role, sessionId: undefined }
  }
}

/** Shape: each entry is `value=role` with a known role, as the configuration has checked; others stand for nothing. */
function toRoleMap(entries: readonly string[]): ReadonlyMap<string, OidcRole> {
  // An issuer's `admin` is often that of a customer: who runs the installation is said in so many words.
  if (entries.length === 0) return new Map(tenantRoles.map((role) => [role, role]))
  return new Map(
    entries.flatMap((entry): [string, OidcRole][] => {
      const cut = entry.lastIndexOf('=')
      const role = oidcRoles.find((known) => known === entry.slice(cut + 1))
      return role && cut > 0 ? [[entry.slice(0, cut), role]] : []
    }),
  )
}

const highest = (roles: readonly OidcRole[]): OidcRole | undefined => oidcRoles.findLast((role) => roles.includes(role))

/** A list, or a text, or several in one text, separated by spaces or commas. */
function listValues(value: unknown): readonly string[] {
  const texts = (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string')
  return Array.isArray(value) ? texts : texts.flatMap((text) => [text, ...text.split(/[\s,]+/)])
}

/** A name as it is comes first: names may have dots in them, such as `https://example.com/role`. */
function readClaim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}

const readText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= maxTextLength && !/\p{Cc}/u.test(value) ? value : undefined
