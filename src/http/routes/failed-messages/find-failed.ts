/** The failed message a call is about. */
import type { FailedMessage } from '../../../core/failure.ts'
import type { MessageId, TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { failedMessageMissing } from '../../request/refusal.ts'
import { findTenant } from '../tenants/find-tenant.ts'

/** Errors: Refusal `failed_message.missing`, AppError `tenant.missing`. */
export async function findFailed(engine: EngineApi, tenantId: TenantId, id: MessageId): Promise<FailedMessage> {
  const failed = await engine.findFailed(tenantId, id)
  if (failed) return failed
  await findTenant(engine, tenantId)
  throw failedMessageMissing()
}
