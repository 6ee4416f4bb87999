/** The API key store in memory. */
import type { TenantId } from '../../../src/core/ids.ts'
import type { ApiKey, ApiKeyStore, NewApiKey } from '../../../src/core/ports/identity-store.ts'
import { type ApiKeyRow, type MemoryTables, pageOf } from './tables.ts'

const touchMs = 60_000

export function createMemoryApiKeys(tables: MemoryTables): ApiKeyStore {
  const { apiKeys, nowMs } = tables
  const alive = () => [...apiKeys.values()].filter(({ expiresAt }) => expiresAt === null || expiresAt.getTime() > nowMs())
  const aliveOf = (tenantId: TenantId) => alive().filter((key) => key.tenantId === tenantId)
  const find = (tenantId: TenantId, id: string) => aliveOf(tenantId).find((key) => key.id === id)
  const insert = (key: NewApiKey): ApiKey => {
    const row = { ...key, createdAt: new Date(nowMs()), lastUsedAt: null, replacedAt: null, micros: tables.nextMicros() }
    apiKeys.set(row.id, row)
    return toApiKey(row)
  }
  return {
    async create(key) {
      tables.requireTenant(key.tenantId)
      return insert(key)
    },
    async list(tenantId, query) {
      return pageOf(aliveOf(tenantId), query, toApiKey)
    },
    async find(tenantId, id) {
      const key = find(tenantId, id)
      return key && toApiKey(key)
    },
    async rotate(tenantId, id, next, overlapMs) {
      const key = find(tenantId, id)
      if (key === undefined || key.replacedAt !== null || tables.tenants.get(tenantId) !== 'alive') return undefined
      const endsAtMs = Math.min(key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY, nowMs() + overlapMs)
      const old = { ...key, expiresAt: new Date(endsAtMs), replacedAt: new Date(nowMs()) }
      apiKeys.set(id, old)
      return { old: toApiKey(old), next: insert(next) }
    },
    async remove(tenantId, id) {
      const key = find(tenantId, id)
      if (key !== undefined) apiKeys.delete(id)
      return key && toApiKey(key)
    },
    async findByHash(hash) {
      const key = alive().find((one) => one.hash.equals(hash))
      return key && tables.tenants.get(key.tenantId) === 'alive' ? toApiKey(key) : undefined
    },
    async touch(id) {
      const key = apiKeys.get(id)
      const isNoted = key?.lastUsedAt && key.lastUsedAt.getTime() > nowMs() - touchMs
      if (key && !isNoted) apiKeys.set(id, { ...key, lastUsedAt: new Date(nowMs()) })
    },
  }
}

function toApiKey({ micros: _micros, hash: _hash, ...key }: ApiKeyRow): ApiKey {
  return key
}
