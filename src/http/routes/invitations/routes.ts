/** /tenants/{id}/invitations and /tenants/{id}/invitations/{invitationId}. */
import type { z } from 'zod'
import type { Identity } from '../../../auth/index.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Invitation } from '../../../core/ports/identity-store.ts'
import { parsePathUuid } from '../../request/path-id.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type createdInvitation, invitationCreation, type invitationSchema, invitationsQuery } from '../../schemas/identity.ts'
import { ofTenant } from '../tenants/of-tenant.ts'
import { replyIdentityList } from '../tenants/reply-identity-list.ts'

const hourMs = 3_600_000

export function createInvitationRoutes(engine: EngineApi, { invitations }: Identity): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/invitations:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *   get:
     *     operationId: listInvitations
     *     tags: [users]
     *     summary: List the invitations that can still be used, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/Invitations.limit' }
     *       - { $ref: '#/components/parameters/Invitations.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/InvitationList' } } } }
     *   post:
     *     operationId: createInvitation
     *     tags: [users]
     *     summary: Invite somebody into the tenant
     *     description: Whoever has the token becomes a user by `POST /auth/register`, once.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/InvitationCreation' } } } }
     *     responses:
     *       201: { description: The invitation and its token, content: { application/json: { schema: { $ref: '#/components/schemas/CreatedInvitation' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/invitations',
      action: 'invitation.list',
      query: invitationsQuery,
      handle: ({ tenantId, query }) =>
        replyIdentityList(engine, tenantId, query, { kind: 'invitations', list: invitations.list, toBody: toInvitationBody }),
    }),
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/invitations',
      action: 'invitation.create',
      body: invitationCreation,
      async handle({ principal, tenantId, body: { role, username = null, expires_in_hours } }) {
        const wanted = { role, username, expiresInMs: expires_in_hours * hourMs, invitedBy: principal }
        const { invitation, token } = await invitations.create(tenantId, wanted)
        const body: z.output<typeof createdInvitation> = { ...toInvitationBody(invitation), token }
        return { status: 201, body, audit: { resource: toResource(invitation), after: toSummary(invitation) } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/invitations/{invitationId}:
     *   delete:
     *     operationId: deleteInvitation
     *     tags: [users]
     *     summary: Take an invitation back
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/InvitationId' }
     *     responses:
     *       204: { description: It cannot be used any more }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/invitations/{invitationId}',
      action: 'invitation.delete',
      async handle({ tenantId, params }) {
        const removed = await ofTenant(engine, tenantId, invitations.remove(tenantId, parsePathUuid(params, 'invitationId')))
        return { status: 204, audit: { resource: toResource(removed), before: toSummary(removed) } }
      },
    }),
  ]
}

const toResource = ({ id }: Invitation): string => `invitation/${id}`
const toSummary = ({ role, username, expiresAt }: Invitation) => ({ role, username, expires_at: expiresAt.toISOString() })

const toInvitationBody = (invitation: Invitation): z.output<typeof invitationSchema> => ({
  id: invitation.id,
  tenant_id: invitation.tenantId,
  role: invitation.role,
  username: invitation.username,
  invited_by: invitation.invitedBy,
  created_at: invitation.createdAt.toISOString(),
  expires_at: invitation.expiresAt.toISOString(),
})
