/** The tenant a call is about. */
import { AppError } from '../../../core/errors.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi, TenantView } from '../../../core/ports/engine-api.ts'

/** Errors: AppError `tenant.missing`. */
export async function findTenant(engine: Pick<EngineApi, 'findTenant'>, id: TenantId): Promise<TenantView> {
  const tenant = await engine.findTenant(id)
  if (!tenant) throw new AppError('tenant.missing', 'no such tenant')
  return tenant
}
