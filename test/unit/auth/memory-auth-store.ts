/** An AuthStore in memory. */
import { randomBytes } from 'node:crypto'
import type { Admin, AuthStore, SigningKey } from '../../../src/core/ports/auth-store.ts'

export interface MemoryAuthStore extends AuthStore {
  readonly admins: Map<string, Admin>
  /** Newest first. */
  keys: readonly SigningKey[]
  /** How often the keys were read. */
  readonly keyReads: () => number
}

export const newKey = (kid: string): SigningKey => ({ kid, secret: randomBytes(32) })

export function createMemoryAuthStore(): MemoryAuthStore {
  const admins = new Map<string, Admin>()
  let reads = 0
  return {
    admins,
    keys: [newKey('first')],
    keyReads: () => reads,
    findAdmin: async (username) => admins.get(username),
    async createAdminIfNone({ username, passwordHash }) {
      if (admins.size > 0) return false
      admins.set(username, { id: username, username, passwordHash })
      return true
    },
    async setAdminPassword(username, passwordHash) {
      const admin = admins.get(username)
      if (admin) admins.set(username, { ...admin, passwordHash })
      return admin !== undefined
    },
    async signingKeys() {
      reads += 1
      return this.keys
    },
  }
}
