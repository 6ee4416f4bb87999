/** The request scope port: whose rows the statements of a request may see and change. */
import type { TenantId } from '../ids.ts'

/**
 * Runs `work` so that what it asks of the stores for a request is asked as the tenant role with this tenant set: rows of other
 * tenants are neither seen nor changed, whatever the statement says. undefined is the platform: every tenant.
 *
 * It follows the promises that `work` makes, and only those methods of the stores that serve requests heed it.
 */
export type RequestScope = <T>(tenantId: TenantId | undefined, work: () => T) => T
