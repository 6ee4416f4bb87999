/** The desired state as this node last read it: publishing asks it for each message, and must not ask the database. */
import type { Reading } from '../../actors/index.ts'
import type { TenantId } from '../core/ids.ts'
import type { TenantStore } from '../core/ports/tenant-store.ts'
import type { DesiredTenant } from '../core/tenant.ts'

export interface DesiredCache {
  adopt(reading: Reading): void
  put(desired: DesiredTenant): void
  remove(tenantId: TenantId): void
  /** From memory; from the database for a tenant never seen here, as another node may have made it just now. */
  find(tenantId: TenantId): DesiredTenant | Promise<DesiredTenant | undefined>
}

export function createDesiredCache(tenants: Pick<TenantStore, 'desiredOf'>): DesiredCache {
  const known = new Map<TenantId, DesiredTenant>()

  const put = (desired: DesiredTenant): void => {
    const before = known.get(desired.id)
    if (!before || before.version <= desired.version) known.set(desired.id, desired)
  }

  return {
    adopt(reading) {
      for (const desired of reading.tenants) put(desired)
      if (reading.kind === 'some') for (const tenantId of reading.missing) known.delete(tenantId)
      else {
        // A tenant created while everything was read looks missing: it is found again in the database when asked for.
        const read = new Set(reading.tenants.map(({ id }) => id))
        for (const tenantId of known.keys()) if (!read.has(tenantId)) known.delete(tenantId)
      }
    },
    put,
    remove: (tenantId) => void known.delete(tenantId),
    find(tenantId) {
      const desired = known.get(tenantId)
      if (desired) return desired
      return tenants.desiredOf(tenantId).then((found) => {
        if (found) put(found)
        return found
      })
    },
  }
}
