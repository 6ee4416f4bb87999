/** What is asked of a tenant that may not exist. */
import { AppError } from '../../../core/errors.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { findTenant } from './find-tenant.ts'

type Tenants = Pick<EngineApi, 'findTenant'>

/** What `work` gives. What is missing in a tenant that is missing is the tenant: AppError `tenant.missing`. */
export async function ofTenant<T>(tenants: Tenants, id: TenantId, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof AppError && error.code.endsWith('.missing')) await findTenant(tenants, id)
    throw error
  }
}

/** The list. Only an empty one can be that of a tenant that does not exist: AppError `tenant.missing`. */
export async function listOfTenant<Item>(tenants: Tenants, id: TenantId, items: readonly Item[]): Promise<readonly Item[]> {
  if (items.length === 0) await findTenant(tenants, id)
  return items
}
