/** Decides whether a principal may perform an action. */
import type { TenantId } from '../core/ids.ts'
import { type Principal, type TenantRole, tenantRoles } from './principal.ts'

/** The least a principal must be: anybody with a valid token, a role in the tenant concerned, or a platform admin. */
type Least = 'anyone' | TenantRole | 'platform'

const least = {
  'session.read': 'anyone',
  'tenant.create': 'platform',
  'tenant.list': 'platform',
  'tenant.read': 'viewer',
  'tenant.change': 'owner',
  'tenant.delete': 'owner',
  'tenant.resize': 'operator',
  'tenant.pause': 'operator',
  'tenant.resume': 'operator',
  'tenant.drain': 'operator',
  'tenant.restart': 'operator',
  'tenant.read_stats': 'viewer',
  'tenant.read_config': 'operator',
  'tenant.change_config': 'operator',
  'message.publish': 'member',
  'message.list': 'viewer',
  'message.read': 'viewer',
  'message.cancel': 'member',
  'failed_message.list': 'viewer',
  'failed_message.read': 'viewer',
  'failed_message.read_stats': 'viewer',
  'failed_message.retry': 'operator',
  'failed_message.discard': 'operator',
  'retry.read_stats': 'platform',
} as const satisfies Record<string, Least>

export type Action = keyof typeof least

export const actions = Object.keys(least) as readonly Action[]

/** `hidden` is another tenant's resource: the answer must not differ from the one for a resource that does not exist. */
export type Access = 'granted' | 'forbidden' | 'hidden'

/**
 * Decides whether `principal` may perform `action`, on `tenantId` where the action concerns one tenant.
 *
 * | principal   | tenant          | action needs      | access    |
 * | admin       | any             | anything          | granted   |
 * | tenant_user | another         | anything          | hidden    |
 * | tenant_user | their own, none | platform          | forbidden |
 * | tenant_user | their own, none | a higher role     | forbidden |
 * | tenant_user | their own, none | their role, or less | granted |
 *
 * Errors: none; total.
 */
export function may(principal: Principal, action: Action, tenantId?: TenantId): Access {
  if (principal.kind === 'admin') return 'granted'
  if (tenantId !== undefined && tenantId !== principal.tenantId) return 'hidden'
  const needed: Least = least[action]
  if (needed === 'anyone') return 'granted'
  if (needed === 'platform') return 'forbidden'
  return tenantRoles.indexOf(principal.role) >= tenantRoles.indexOf(needed) ? 'granted' : 'forbidden'
}
