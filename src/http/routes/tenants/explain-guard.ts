/** What the calls that explain a tenant and its messages have in common: how many there may be, and who is shown an error's text. */
import type { Principal } from '../../../auth/index.ts'
import { AppError } from '../../../core/errors.ts'
import type { TenantId } from '../../../core/ids.ts'
import { within } from '../../../core/within.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'

/** Each looks into the queue, the database and every node: others wait meanwhile. */
export const maxExplainsOfTenant = 2

const answerMs = 2_000

/** False as well when nobody knows, because the database does not answer. Errors: those of the guard that do not pass. */
export async function mayReadDetail(guard: PayloadGuard, principal: Principal, tenantId: TenantId): Promise<boolean> {
  try {
    return await within(guard.mayRead(principal, tenantId), answerMs, () => false)
  } catch (error) {
    if (error instanceof AppError && error.retryable) return false
    throw error
  }
}
