/** A secret store in memory that counts its reads and can fail. */
import type { TenantId } from '../../../src/core/ids.ts'
import type { SealedSecret, SecretStore } from '../../../src/core/ports/secret-store.ts'

export interface MemorySecretStore extends SecretStore {
  readonly rows: Map<string, SealedSecret & { readonly tenantId: TenantId; readonly name: string }>
  reads: number
  failure: Error | undefined
  /** Awaited by each find() after it has read. */
  gate: Promise<void> | undefined
}

export function createMemorySecretStore(): MemorySecretStore {
  const rows: MemorySecretStore['rows'] = new Map()
  const at = new Date(0)
  const store: MemorySecretStore = {
    rows,
    reads: 0,
    failure: undefined,
    gate: undefined,
    async put(tenantId, name, secret) {
      const replaced = rows.has(`${tenantId}/${name}`)
      rows.set(`${tenantId}/${name}`, { ...secret, tenantId, name })
      return { replaced }
    },
    list: async (tenantId) =>
      [...rows.values()].filter((row) => row.tenantId === tenantId).map(({ name }) => ({ name, createdAt: at, updatedAt: at })),
    remove: async (tenantId, name) => rows.delete(`${tenantId}/${name}`),
    async find(tenantId, name) {
      store.reads += 1
      if (store.failure) throw store.failure
      const found = rows.get(`${tenantId}/${name}`)
      await store.gate
      return found
    },
    sealedOtherwise: async (keyId, limit) => [...rows.values()].filter((row) => row.keyId !== keyId).slice(0, limit),
    async replace(tenantId, name, before, after) {
      const row = rows.get(`${tenantId}/${name}`)
      if (row?.sealed.equals(before.sealed)) rows.set(`${tenantId}/${name}`, { ...after, tenantId, name })
    },
  }
  return store
}
