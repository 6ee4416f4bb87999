/** A principal as the claims of a token, and back. */
import { readTenantId } from '../core/ids.ts'
import { type Principal, tenantRoles } from './principal.ts'

/** The claims that carry a principal; issuer, audience and times are added by whoever signs. */
export function toClaims(principal: Principal): Record<string, string> {
  if (principal.kind === 'admin') return { sub: principal.username, kind: 'admin' }
  return { sub: principal.username, kind: 'tenant_user', tid: principal.tenantId, role: principal.role }
}

/** The principal that verified claims carry, or undefined when they are not the claims of a token we issue. Errors: none. */
export function readPrincipal(claims: unknown): Principal | undefined {
  if (typeof claims !== 'object' || claims === null) return undefined
  const { sub, kind, tid, role } = claims as Record<string, unknown>
  if (typeof sub !== 'string' || sub === '') return undefined
  if (kind === 'admin') return { kind, username: sub }
  if (kind !== 'tenant_user' || typeof tid !== 'string') return undefined
  const tenantId = readTenantId(tid)
  const knownRole = tenantRoles.find((known) => known === role)
  return tenantId && knownRole ? { kind, username: sub, tenantId, role: knownRole } : undefined
}
