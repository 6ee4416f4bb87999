/** How a handler reads a secret of its tenant. */
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { TenantSecrets } from '../core/ports/tenant-secrets.ts'

export type SecretReader = (name: string) => Promise<string>

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/**
 * Reads for one tenant.
 *
 * Errors: AppError `secret.missing`, which says how to set it; TypeError for a name that no secret can have; those of `open`.
 */
export const createSecretReader =
  (secrets: Pick<TenantSecrets, 'open'>) =>
  (tenantId: TenantId): SecretReader =>
  async (name) => {
    // The text itself is not shown: somebody may have passed the value for the name.
    if (typeof name !== 'string' || !namePattern.test(name)) {
      throw new TypeError('secret: a name has 1 to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit')
    }
    const value = await secrets.open(tenantId, name)
    if (value !== undefined) return value
    // Without a colon after the name: what stands behind `api-key:` is taken for the key when the text is stored.
    throw new AppError('secret.missing', `the tenant has no secret "${name}"; PUT /v1/tenants/${tenantId}/secrets/${name} sets it`, {
      scope: 'tenant',
    })
  }
