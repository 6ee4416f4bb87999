/** The auth store in memory. */
import { randomUUID } from 'node:crypto'
import type { Admin, AuthStore } from '../../../src/core/ports/auth-store.ts'
import type { MemoryTables } from './tables.ts'

export function createMemoryAuth({ admins }: MemoryTables): AuthStore {
  const find = (username: string) => [...admins.values()].find((admin) => admin.username === username)
  const change = (username: string, fields: Partial<Admin>): boolean => {
    const admin = find(username)
    if (admin !== undefined) admins.set(admin.id, { ...admin, ...fields })
    return admin !== undefined
  }
  return {
    async findAdmin(username) {
      return find(username)
    },
    async createAdminIfNone(admin) {
      if (admins.size > 0) return false
      const id = randomUUID()
      admins.set(id, { id, ...admin })
      return true
    },
    async applyAdminPassword(username, appliedHash) {
      return change(username, { passwordHash: appliedHash, appliedHash })
    },
    async noteAppliedPassword(username, appliedHash) {
      change(username, { appliedHash })
    },
    async replaceAdminPassword(username, verifiedHash, passwordHash) {
      return find(username)?.passwordHash === verifiedHash && change(username, { passwordHash })
    },
  }
}
