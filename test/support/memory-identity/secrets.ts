/** The secret store in memory. */
import { AppError } from '../../../src/core/errors.ts'
import type { SecretStore } from '../../../src/core/ports/secret-store.ts'
import type { MemoryTables } from './tables.ts'

const maxSecrets = 100

export function createMemorySecrets(tables: MemoryTables): SecretStore {
  const { secrets, nowMs } = tables
  const ofTenant = (tenantId: string) => [...secrets.values()].filter((secret) => secret.tenantId === tenantId)
  const keyOf = (tenantId: string, name: string) => `${tenantId}/${name}`
  return {
    async put(tenantId, name, { keyId, sealed }) {
      tables.requireTenant(tenantId)
      const key = keyOf(tenantId, name)
      const known = secrets.get(key)
      if (known === undefined && ofTenant(tenantId).length >= maxSecrets) {
        throw new AppError('secret.too_many', `a tenant has at most ${maxSecrets} secrets`, { scope: 'tenant' })
      }
      const updatedAt = new Date(nowMs())
      secrets.set(key, { tenantId, name, keyId, sealed, createdAt: known?.createdAt ?? updatedAt, updatedAt })
      return { replaced: known !== undefined }
    },
    async list(tenantId) {
      const named = ofTenant(tenantId).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      return named.map(({ name, createdAt, updatedAt }) => ({ name, createdAt, updatedAt }))
    },
    async remove(tenantId, name) {
      return secrets.delete(keyOf(tenantId, name))
    },
    async find(tenantId, name) {
      const secret = secrets.get(keyOf(tenantId, name))
      return secret && { keyId: secret.keyId, sealed: secret.sealed }
    },
    async sealedOtherwise(keyId, limit) {
      const others = [...secrets.values()].filter((secret) => secret.keyId !== keyId).slice(0, limit)
      return others.map((secret) => ({ tenantId: secret.tenantId, name: secret.name, keyId: secret.keyId, sealed: secret.sealed }))
    },
    async replace(tenantId, name, before, after) {
      const secret = secrets.get(keyOf(tenantId, name))
      if (secret?.keyId !== before.keyId || !secret.sealed.equals(before.sealed)) return
      secrets.set(keyOf(tenantId, name), { ...secret, keyId: after.keyId, sealed: after.sealed })
    },
  }
}
