/** Who a request acts for, once its credentials are verified. */
import type { ApiKeyScope, TenantRole } from '../core/identity.ts'
import type { TenantId } from '../core/ids.ts'

export interface AdminPrincipal {
  readonly kind: 'admin'
  /** The id of the admin's row; that of the subject for one whom an identity provider vouches for. */
  readonly id: string
  readonly username: string
  /** undefined for a token of an identity provider. */
  readonly sessionId: string | undefined
}

export interface TenantUserPrincipal {
  readonly kind: 'tenant_user'
  readonly id: string
  readonly username: string
  readonly tenantId: TenantId
  readonly role: TenantRole
  readonly sessionId: string | undefined
}

export interface ApiKeyPrincipal {
  readonly kind: 'api_key'
  readonly id: string
  readonly name: string
  readonly tenantId: TenantId
  readonly scopes: readonly ApiKeyScope[]
}

export type Principal = AdminPrincipal | TenantUserPrincipal | ApiKeyPrincipal

/** What people call the principal. */
export const nameOf = (principal: Principal): string => (principal.kind === 'api_key' ? principal.name : principal.username)
