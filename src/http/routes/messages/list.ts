/** GET /messages and /tenants/{id}/messages. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import { AppError } from '../../../core/errors.ts'
import { readTenantId, type TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Reply } from '../../answer/send.ts'
import { messageCursors, scheduledCursors } from '../../request/cursor.ts'
import { invalid } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { messagesQuery, tenantMessagesQuery } from '../../schemas/message.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import type { PayloadGuard } from './payload-guard.ts'
import { toMessageBody, toScheduledBody } from './to-message-body.ts'

interface Listing {
  readonly engine: EngineApi
  readonly guard: PayloadGuard
  readonly principal: Principal
  /** undefined lists those of all tenants. */
  readonly tenantId: TenantId | undefined
}

export function createMessageListRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/messages:
     *   get:
     *     operationId: listTenantMessages
     *     tags: [messages]
     *     summary: List a tenant's messages, newest first
     *     description: A message is listed once its first outcome is recorded. Those that wait for their time are listed by `status=scheduled` alone.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/TenantMessages.limit' }
     *       - { $ref: '#/components/parameters/TenantMessages.cursor' }
     *       - { $ref: '#/components/parameters/TenantMessages.type' }
     *       - { $ref: '#/components/parameters/TenantMessages.status' }
     *       - { $ref: '#/components/parameters/TenantMessages.since' }
     *       - { $ref: '#/components/parameters/TenantMessages.until' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/MessageList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/messages',
      action: 'message.list',
      query: tenantMessagesQuery,
      handle: ({ principal, tenantId, query }) => listMessages({ engine, guard, principal, tenantId }, query),
    }),

    /**
     * @openapi
     * /messages:
     *   get:
     *     operationId: listMessages
     *     tags: [messages]
     *     summary: List messages of the caller's tenant, or of all tenants for an admin
     *     parameters:
     *       - { $ref: '#/components/parameters/Messages.limit' }
     *       - { $ref: '#/components/parameters/Messages.cursor' }
     *       - { $ref: '#/components/parameters/Messages.type' }
     *       - { $ref: '#/components/parameters/Messages.status' }
     *       - { $ref: '#/components/parameters/Messages.since' }
     *       - { $ref: '#/components/parameters/Messages.until' }
     *       - { $ref: '#/components/parameters/Messages.tenant_id' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/MessageList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/messages',
      action: 'message.list',
      query: messagesQuery,
      handle: ({ principal, query }) =>
        listMessages({ engine, guard, principal, tenantId: toListedTenant(principal, query.tenant_id) }, query),
    }),
  ]
}

/** The tenant whose messages are listed: an admin's choice, or none; the own one of a tenant's user or key. Errors: AppError `tenant.missing`. */
function toListedTenant(principal: Principal, asked: string | undefined): TenantId | undefined {
  const tenantId = asked === undefined ? undefined : readTenantId(asked)
  if (principal.kind === 'admin') return tenantId
  if (tenantId !== undefined && tenantId !== principal.tenantId) throw new AppError('tenant.missing', 'another tenant’s messages')
  return principal.tenantId
}

async function listMessages(
  listing: Listing,
  { limit, cursor, type, status, since, until }: z.output<typeof tenantMessagesQuery>,
): Promise<Reply> {
  const { engine, guard, principal, tenantId } = listing
  const common = {
    limit,
    ...(type ? { type } : {}),
    ...(since ? { since: new Date(since) } : {}),
    ...(until ? { until: new Date(until) } : {}),
  }
  if (status === 'scheduled') return listScheduled(listing, common, cursor)
  const scope = tenantId ? (`tenants/${tenantId}/messages` as const) : 'messages'
  const { messages, next } = await engine.listMessages({
    tenantId,
    ...common,
    ...(status ? { status } : {}),
    ...(cursor ? { after: messageCursors.parse(scope, cursor) } : {}),
  })
  // Only an empty page can be that of a tenant that does not exist.
  if (tenantId && messages.length === 0) await findTenant(engine, tenantId)
  const readable = await guard.readable(
    principal,
    messages.map((message) => message.tenantId),
  )
  const data = messages.map((message) => toMessageBody(message, readable.has(message.tenantId)))
  return { status: 200, body: { data, next_cursor: messageCursors.write(scope, next) } }
}

async function listScheduled(
  { engine, guard, principal, tenantId }: Listing,
  query: Omit<Parameters<EngineApi['listScheduled']>[0], 'tenantId' | 'after'>,
  cursor: string | undefined,
): Promise<Reply> {
  if (!tenantId) throw invalid({ path: 'tenant_id', message: 'is required to list scheduled messages' })
  const scope = `tenants/${tenantId}/scheduled` as const
  const after = cursor ? { after: scheduledCursors.parse(scope, cursor) } : {}
  const { messages, next } = await engine.listScheduled({ tenantId, ...query, ...after })
  if (messages.length === 0) await findTenant(engine, tenantId)
  const isReadable = await guard.mayRead(principal, tenantId)
  const data = messages.map((message) => toScheduledBody(message, isReadable))
  return { status: 200, body: { data, next_cursor: scheduledCursors.write(scope, next) } }
}
