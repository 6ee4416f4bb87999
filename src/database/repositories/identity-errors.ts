/** What a refusal of the identity tables means for whoever asked. */
import { AppError } from '../../core/errors.ts'
import { readSqlState } from '../errors.ts'

const gone = new Set([
  'users_tenant_fkey',
  'invitations_tenant_fkey',
  'invitations_inviter_fkey',
  'api_keys_tenant_fkey',
  'tenant_secrets_tenant_fkey',
  'sessions_user_fkey',
  'sessions_admin_fkey',
])
const maxAttempts = 3
const deadlock = '40P01'

export const tenantMissing = (cause?: unknown): AppError =>
  new AppError('tenant.missing', 'there is no such tenant, or it is being deleted', { scope: 'tenant', cause })

/**
 * The rows of a statement, or what its refusal means. A statement that was chosen to end a deadlock is run again: it has done nothing.
 *
 * | constraint                       | code              |
 * | a foreign key to what has gone   | `tenant.missing`  |
 * | users_username_key               | `user.name_taken` |
 */
export async function runIdentity<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === maxAttempts || readSqlState(error) !== deadlock) throw toIdentityError(error)
    }
  }
}

function toIdentityError(error: unknown): unknown {
  const constraint = error instanceof AppError ? error.details.constraint : undefined
  if (constraint === 'users_username_key') {
    return new AppError('user.name_taken', 'another user of the tenant has this name', { scope: 'tenant', cause: error })
  }
  return typeof constraint === 'string' && gone.has(constraint) ? tenantMissing(error) : error
}
