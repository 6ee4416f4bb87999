/** Whether failures may be looked for by their errors. */
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { Refusal } from '../../request/refusal.ts'
import { findTenant } from '../tenants/find-tenant.ts'

/** Whoever is not shown the texts of errors must not find them out by searching. Errors: Refusal `auth.forbidden`, AppError `tenant.missing`. */
export async function requireSearchable(engine: EngineApi, tenantId: TenantId, isReadable: boolean): Promise<void> {
  if (isReadable) return
  await findTenant(engine, tenantId)
  throw new Refusal(
    'auth.forbidden',
    'error: the tenant’s payload_visibility hides the texts of errors from you, so you cannot search them.',
  )
}
