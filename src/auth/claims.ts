/** A session as the claims of an access token, and back. */
import { readTenantId, type TenantId } from '../core/ids.ts'
import type { AdminPrincipal, TenantUserPrincipal } from './principal.ts'

/** Somebody with a session. Name and role are not in the token: they are what the database says when it is used. */
export type TokenSubject =
  | { readonly kind: 'admin'; readonly id: string; readonly sessionId: string }
  | { readonly kind: 'tenant_user'; readonly id: string; readonly sessionId: string; readonly tenantId: TenantId }

/** The claims that carry a subject; issuer, audience and times are added by whoever signs. */
export function toClaims(person: (AdminPrincipal | TenantUserPrincipal) & { readonly sessionId: string }): Record<string, string> {
  const claims = { sub: person.id, sid: person.sessionId, kind: person.kind }
  return person.kind === 'admin' ? claims : { ...claims, tid: person.tenantId }
}

/** The subject of verified claims, or undefined when they are not the claims of a token we issue. Errors: none. */
export function readSubject({ sub, sid, kind, tid }: Readonly<Record<string, unknown>>): TokenSubject | undefined {
  if (!isUuid(sub) || !isUuid(sid)) return undefined
  if (kind === 'admin') return { kind, id: sub, sessionId: sid }
  const tenantId = kind === 'tenant_user' && typeof tid === 'string' ? readTenantId(tid) : undefined
  return tenantId && { kind: 'tenant_user', id: sub, sessionId: sid, tenantId }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const isUuid = (value: unknown): value is string => typeof value === 'string' && uuid.test(value)
