/** The user store in memory. */
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { NewUser, User, UserStore } from '../../../src/core/ports/identity-store.ts'
import { type MemoryTables, pageOf, type UserRow } from './tables.ts'

export function createMemoryUsers(tables: MemoryTables): UserStore {
  const { users } = tables
  const ofTenant = (tenantId: TenantId) => [...users.values()].filter((user) => user.tenantId === tenantId)
  const find = (tenantId: TenantId, id: string) => {
    const user = users.get(id)
    return user?.tenantId === tenantId ? user : undefined
  }
  const requireAnotherOwner = ({ tenantId, id, role }: UserRow) => {
    if (role !== 'owner' || ofTenant(tenantId).some((user) => user.role === 'owner' && user.id !== id)) return
    throw new AppError('user.last_owner', 'the tenant has no other owner', { scope: 'tenant' })
  }
  return {
    async create(user) {
      tables.requireTenant(user.tenantId)
      return toUser(insertUser(tables, user))
    },
    async list(tenantId, query) {
      return pageOf(ofTenant(tenantId), query, toUser)
    },
    async find(tenantId, id) {
      const user = find(tenantId, id)
      return user && toUser(user)
    },
    async findForLogin(tenantId, username) {
      if (tables.tenants.get(tenantId) !== 'alive') return undefined
      const user = ofTenant(tenantId).find((one) => one.username === username)
      return user && { ...toUser(user), passwordHash: user.passwordHash }
    },
    async passwordHashOf(tenantId, id) {
      return tables.tenants.get(tenantId) === 'alive' ? find(tenantId, id)?.passwordHash : undefined
    },
    async replacePassword(tenantId, id, verifiedHash, passwordHash) {
      const user = tables.tenants.get(tenantId) === 'alive' ? find(tenantId, id) : undefined
      if (user?.passwordHash !== verifiedHash) return false
      users.set(id, { ...user, passwordHash, updatedAt: new Date(tables.nowMs()) })
      return true
    },
    async change(tenantId, id, { role, passwordHash }) {
      const before = find(tenantId, id)
      if (before === undefined) return undefined
      if (role !== undefined && role !== 'owner') requireAnotherOwner(before)
      const changed = { role: role ?? before.role, passwordHash: passwordHash ?? before.passwordHash }
      const after = { ...before, ...changed, updatedAt: new Date(tables.nowMs()) }
      users.set(id, after)
      if (before.role === 'owner' && after.role !== 'owner') tables.removeInvitationsOf(id)
      return { before: toUser(before), after: toUser(after) }
    },
    async remove(tenantId, id) {
      const user = find(tenantId, id)
      if (user === undefined) return undefined
      requireAnotherOwner(user)
      tables.removeUser(id)
      return toUser(user)
    },
  }
}

/** Errors: `user.name_taken`. */
export function insertUser({ users, nowMs, nextMicros }: MemoryTables, user: NewUser): UserRow {
  const isTaken = [...users.values()].some((one) => one.tenantId === user.tenantId && one.username === user.username)
  if (isTaken) throw new AppError('user.name_taken', 'another user of the tenant has this name', { scope: 'tenant' })
  const createdAt = new Date(nowMs())
  const { id, tenantId, username, passwordHash, role } = user
  const row = { id, tenantId, username, passwordHash, role, createdAt, updatedAt: createdAt, micros: nextMicros() }
  users.set(user.id, row)
  return row
}

export function toUser({ micros: _micros, passwordHash: _hash, ...user }: UserRow): User {
  return user
}
