/** The tenant secrets port: credentials that a tenant's handlers use. Sealed wherever they lie, and never shown again. */
import type { TenantId } from '../ids.ts'
import type { SecretInfo } from './secret-store.ts'

/**
 * Errors: AppError `database.unavailable`, `tenant.missing`; `put` also `secret.too_many`; `open` also `config.invalid` when no
 * key of this node opens the secret. None holds anything of a value.
 */
export interface TenantSecrets {
  /** From when it resolves, `open` on this node gives the new value; on other nodes a few seconds later. */
  put(tenantId: TenantId, name: string, value: string): Promise<{ readonly replaced: boolean }>
  /** By name. */
  list(tenantId: TenantId): Promise<readonly SecretInfo[]>
  /** False when there is none of this name. */
  remove(tenantId: TenantId, name: string): Promise<boolean>
  /** The value in clear, for the tenant's handlers alone; undefined when there is none of this name. Not limited to a request's tenant. */
  open(tenantId: TenantId, name: string): Promise<string | undefined>
}
