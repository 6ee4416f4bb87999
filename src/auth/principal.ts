/** Who a request acts for, once its credentials are verified. */
import type { TenantId } from '../core/ids.ts'

/** What a user may do inside a tenant; each role may do all that the roles before it may. */
export const tenantRoles = ['viewer', 'member', 'operator', 'owner'] as const
export type TenantRole = (typeof tenantRoles)[number]

export interface AdminPrincipal {
  readonly kind: 'admin'
  readonly username: string
}

export interface TenantUserPrincipal {
  readonly kind: 'tenant_user'
  readonly username: string
  readonly tenantId: TenantId
  readonly role: TenantRole
}

export type Principal = AdminPrincipal | TenantUserPrincipal
