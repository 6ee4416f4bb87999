/** Invitations into a tenant. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { InvitationStore } from '../core/ports/identity-store.ts'
import type { Identity } from './identity.ts'
import { hashToken, newInvitationToken } from './opaque-tokens.ts'
import { nameOf } from './principal.ts'

export function createInvitations(store: InvitationStore): Identity['invitations'] {
  return {
    async create(tenantId, { role, username, expiresInMs, invitedBy }) {
      const token = newInvitationToken()
      const invitation = await store.create({
        id: randomUUIDv7(),
        tenantId,
        hash: hashToken(token),
        role,
        username,
        invitedBy: nameOf(invitedBy),
        // One whom an identity provider vouches for is no row here.
        invitedById: invitedBy.kind === 'tenant_user' && invitedBy.sessionId !== undefined ? invitedBy.id : null,
        lifetimeMs: expiresInMs,
      })
      return { invitation, token }
    },

    list: (tenantId, query) => store.list(tenantId, query),

    async remove(tenantId, id) {
      const invitation = await store.remove(tenantId, id)
      if (!invitation)
        throw new AppError('invitation.missing', 'There is no such invitation in this tenant; it may have been used, or have expired.')
      return invitation
    },
  }
}
