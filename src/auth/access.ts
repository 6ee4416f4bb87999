/** Decides whether a principal may perform an action. */
import { type ApiKeyScope, type PayloadVisibility, type TenantRole, tenantRoles } from '../core/identity.ts'
import type { TenantId } from '../core/ids.ts'
import type { Principal } from './principal.ts'

/** The least a principal must be: anybody with valid credentials, a role in the tenant concerned, or a platform admin. */
export type Least = 'anyone' | TenantRole | 'platform'

export interface Need {
  readonly least: Least
  /** An API key needs one of these; with none here no API key may. */
  readonly scopes: readonly ApiKeyScope[]
}

const needs = (least: Least, ...scopes: readonly ApiKeyScope[]): Need => ({ least, scopes })

const table = {
  'session.read': needs('anyone', 'publish', 'read', 'operate'),
  'session.list': needs('anyone'),
  'session.revoke': needs('anyone'),
  'session.logout': needs('anyone'),
  'password.change': needs('anyone'),
  'user.list': needs('operator'),
  'user.read': needs('operator'),
  'user.create': needs('owner'),
  'user.change': needs('owner'),
  'user.delete': needs('owner'),
  'invitation.list': needs('owner'),
  'invitation.create': needs('owner'),
  'invitation.delete': needs('owner'),
  'api_key.list': needs('owner'),
  'api_key.create': needs('owner'),
  'api_key.rotate': needs('owner'),
  'api_key.delete': needs('owner'),
  'secret.list': needs('owner'),
  'secret.put': needs('owner'),
  'secret.delete': needs('owner'),
  'audit.list': needs('owner'),
  'audit.list_all': needs('platform'),
  'tenant.create': needs('platform'),
  'tenant.list': needs('platform'),
  'tenant.read': needs('viewer', 'read', 'operate'),
  'tenant.change': needs('owner'),
  'tenant.rename': needs('platform'),
  'tenant.delete': needs('owner'),
  'tenant.export': needs('owner'),
  'tenant.resize': needs('operator', 'operate'),
  'tenant.pause': needs('operator', 'operate'),
  'tenant.resume': needs('operator', 'operate'),
  'tenant.drain': needs('operator', 'operate'),
  'tenant.restart': needs('operator', 'operate'),
  'tenant.read_stats': needs('viewer', 'read', 'operate'),
  'tenant.read_config': needs('operator'),
  'tenant.change_config': needs('operator'),
  'tenant.change_payload_visibility': needs('owner'),
  'tenant.change_rate_limits': needs('platform'),
  'message.publish': needs('member', 'publish'),
  'message.list': needs('viewer', 'read'),
  'message.read': needs('viewer', 'read'),
  'message.cancel': needs('member', 'operate'),
  'failed_message.list': needs('viewer', 'read'),
  'failed_message.read': needs('viewer', 'read'),
  'failed_message.read_stats': needs('viewer', 'read'),
  'failed_message.retry': needs('operator', 'operate'),
  'failed_message.discard': needs('operator', 'operate'),
  'retry.read_stats': needs('platform'),
  'actor.list': needs('platform'),
  'actor.read': needs('viewer', 'read', 'operate'),
  'actor.watch': needs('viewer', 'read', 'operate'),
  'actor.record': needs('operator', 'operate'),
  'tenant.list_actors': needs('viewer', 'read', 'operate'),
  'tenant.explain': needs('viewer', 'read', 'operate'),
  'message.explain': needs('viewer', 'read'),
  'machine.read': needs('anyone', 'read', 'operate'),
  'flight_record.list': needs('operator', 'operate'),
  'flight_record.read': needs('operator', 'operate'),
  'erasure.list': needs('platform'),
  'erasure.read': needs('platform'),
} as const satisfies Record<string, Need>

export type Action = keyof typeof table

/** What each action needs: the table of docs/security.md. */
export const accessTable: Readonly<Record<Action, Need>> = table

export const actions = Object.keys(table) as readonly Action[]

/** `hidden` is another tenant's resource: the answer must not differ from the one for a resource that does not exist. */
export type Access = 'granted' | 'forbidden' | 'hidden'

/**
 * Decides whether `principal` may perform `action`, on `tenantId` where the action concerns one tenant.
 *
 * | principal            | tenant          | action needs           | access    |
 * | admin                | any             | anything               | granted   |
 * | tenant_user, api_key | another         | anything               | hidden    |
 * | tenant_user          | their own, none | anyone                 | granted   |
 * | tenant_user          | their own, none | their role, or less    | granted   |
 * | tenant_user          | their own, none | a higher role, platform | forbidden |
 * | api_key              | its own, none   | a scope that it has    | granted   |
 * | api_key              | its own, none   | another scope, or none | forbidden |
 *
 * Errors: none; total.
 */
export function may(principal: Principal, action: Action, tenantId?: TenantId): Access {
  if (principal.kind === 'admin') return 'granted'
  if (tenantId !== undefined && tenantId !== principal.tenantId) return 'hidden'
  const { least, scopes } = accessTable[action]
  const granted = principal.kind === 'api_key' ? scopes.some((scope) => principal.scopes.includes(scope)) : isAtLeast(principal.role, least)
  return granted ? 'granted' : 'forbidden'
}

/**
 * Decides whether `principal`, who may read a message, also sees its data, and the texts of errors, which may quote it.
 *
 * | visibility | admin | owner | other role, API key |
 * | all        | yes   | yes   | yes                 |
 * | tenant     | no    | yes   | yes                 |
 * | owner      | no    | yes   | no                  |
 * | none       | no    | no    | no                  |
 */
export function maySeePayload(principal: Principal, visibility: PayloadVisibility): boolean {
  switch (visibility) {
    case 'all':
      return true
    case 'tenant':
      return principal.kind !== 'admin'
    case 'owner':
      return principal.kind === 'tenant_user' && principal.role === 'owner'
    case 'none':
      return false
  }
}

function isAtLeast(role: TenantRole, least: Least): boolean {
  if (least === 'anyone') return true
  return least !== 'platform' && tenantRoles.indexOf(role) >= tenantRoles.indexOf(least)
}
