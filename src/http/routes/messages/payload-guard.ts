/** Decides who is shown the data of messages, and the texts of errors, which may quote it. */
import { maySeePayload, type Principal } from '../../../auth/index.ts'
import type { PayloadVisibility } from '../../../core/identity.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { readPayloadVisibility } from '../../../core/tenant-config.ts'

export interface PayloadGuard {
  /** Whether `principal` is shown the message data of the tenant; false for a tenant that is not there. */
  mayRead(principal: Principal, tenantId: TenantId): Promise<boolean>
  /** The tenants among these whose message data `principal` is shown. */
  readable(principal: Principal, tenantIds: Iterable<TenantId>): Promise<ReadonlySet<TenantId>>
}

/** `installation` counts where a tenant's configuration says nothing. */
export function createPayloadGuard(engine: Pick<EngineApi, 'tenantConfig'>, installation: PayloadVisibility): PayloadGuard {
  const mayRead = async (principal: Principal, tenantId: TenantId): Promise<boolean> => {
    const config = await engine.tenantConfig(tenantId)
    return config !== undefined && maySeePayload(principal, readPayloadVisibility(config, installation))
  }
  return {
    mayRead,
    async readable(principal, tenantIds) {
      const readable = new Set<TenantId>()
      for (const id of new Set(tenantIds)) if (await mayRead(principal, id)) readable.add(id)
      return readable
    },
  }
}
