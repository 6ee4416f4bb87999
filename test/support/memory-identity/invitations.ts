/** The invitation store in memory. */
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Invitation, InvitationStore } from '../../../src/core/ports/identity-store.ts'
import { type InvitationRow, type MemoryTables, pageOf } from './tables.ts'
import { insertUser, toUser } from './users.ts'

export function createMemoryInvitations(tables: MemoryTables): InvitationStore {
  const { invitations, nowMs } = tables
  const usable = () => [...invitations.values()].filter(({ expiresAt }) => expiresAt.getTime() > nowMs())
  const usableOf = (tenantId: TenantId) => usable().filter((invitation) => invitation.tenantId === tenantId)
  return {
    async create({ lifetimeMs, ...invitation }) {
      tables.requireTenant(invitation.tenantId)
      const { invitedById } = invitation
      if (invitedById !== null && !isOwner(tables, invitation.tenantId, invitedById)) {
        throw new AppError('tenant.missing', 'the inviter is no owner of the tenant', { scope: 'tenant' })
      }
      const createdAt = new Date(nowMs())
      const expiresAt = new Date(createdAt.getTime() + lifetimeMs)
      const row = { ...invitation, createdAt, expiresAt, micros: tables.nextMicros() }
      invitations.set(row.id, row)
      return toInvitation(row)
    },
    async list(tenantId, query) {
      return pageOf(usableOf(tenantId), query, toInvitation)
    },
    async remove(tenantId, id) {
      const found = usableOf(tenantId).find((invitation) => invitation.id === id)
      if (found !== undefined) invitations.delete(id)
      return found && toInvitation(found)
    },
    async accept(hash, user) {
      const invitation = usable().find((one) => one.hash.equals(hash))
      const isForThem = invitation !== undefined && (invitation.username ?? user.username) === user.username
      if (!isForThem || tables.tenants.get(invitation.tenantId) !== 'alive') {
        throw new AppError('invitation.invalid', 'the invitation cannot be used', { scope: 'tenant' })
      }
      const row = insertUser(tables, { ...user, tenantId: invitation.tenantId, role: invitation.role })
      invitations.delete(invitation.id)
      return toUser(row)
    },
  }
}

function isOwner({ users }: MemoryTables, tenantId: TenantId, id: string): boolean {
  const user = users.get(id)
  return user?.tenantId === tenantId && user.role === 'owner'
}

function toInvitation({ micros: _micros, hash: _hash, invitedById: _invitedById, ...invitation }: InvitationRow): Invitation {
  return invitation
}
