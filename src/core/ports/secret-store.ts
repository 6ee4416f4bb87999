/** The secret store port: credentials of a tenant's handlers, as sealed by `Sealer`; the store never sees one in clear. */
import type { TenantId } from '../ids.ts'

export interface SealedSecret {
  /** Which key sealed it. */
  readonly keyId: string
  readonly sealed: Buffer
}

export interface SecretInfo {
  readonly name: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Errors: AppError `database.unavailable`, `tenant.missing`, `secret.too_many` (100 of a tenant). */
export interface SecretStore {
  /** Returns whether there was one of this name. */
  put(tenantId: TenantId, name: string, secret: SealedSecret): Promise<{ readonly replaced: boolean }>
  list(tenantId: TenantId): Promise<readonly SecretInfo[]>
  remove(tenantId: TenantId, name: string): Promise<boolean>
  /** For handlers: not limited to a request's tenant. */
  find(tenantId: TenantId, name: string): Promise<SealedSecret | undefined>
  /** Those sealed with another key than this one, for sealing them anew. Not limited to a request's tenant. */
  sealedOtherwise(keyId: string, limit: number): Promise<readonly (SealedSecret & { readonly tenantId: TenantId; readonly name: string })[]>
  /** Only if it is still the one that was read. */
  replace(tenantId: TenantId, name: string, before: SealedSecret, after: SealedSecret): Promise<void>
}
