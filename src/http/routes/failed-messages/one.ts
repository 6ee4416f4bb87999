/** GET and DELETE /tenants/{id}/failed-messages/{fid}, and its retry. */
import type { FailedMessage } from '../../../core/failure.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { parsePathId } from '../../request/path-id.ts'
import { Refusal } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { emptyBody } from '../../schemas/common.ts'
import { openStatuses } from '../../schemas/failed-message.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { findFailed } from './find-failed.ts'
import { toFailedDetail } from './to-failed-body.ts'

export function createFailedMessageRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/failed-messages/{fid}:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *     - { $ref: '#/components/parameters/FailedMessageId' }
     *   get:
     *     operationId: readFailedMessage
     *     tags: [failed messages]
     *     summary: One failed message, with its data and its attempts
     *     responses:
     *       200: { description: The failed message, content: { application/json: { schema: { $ref: '#/components/schemas/FailedMessageDetail' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *   delete:
     *     operationId: discardFailedMessage
     *     tags: [failed messages]
     *     summary: Give up a failed message
     *     description: Its row stays, as `discarded`, for as long as the tenant keeps its failures.
     *     responses:
     *       204: { description: Nobody tries it again }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/NotDiscardable' }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/failed-messages/{fid}',
      action: 'failed_message.read',
      async handle({ principal, tenantId, params }) {
        const failed = await findFailed(engine, tenantId, parsePathId(params, 'fid'))
        return { status: 200, body: toFailedDetail(failed, await guard.mayRead(principal, tenantId)) }
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/failed-messages/{fid}',
      action: 'failed_message.discard',
      async handle({ tenantId, params }) {
        const id = parsePathId(params, 'fid')
        const changed = await engine.discardFailed(tenantId, { ids: [id], statuses: openStatuses })
        if (changed > 0) return { status: 204, audit: { resource: `failed_message/${id}` } }
        throw new Refusal('failed_message.not_discardable', sayWhy(await findFailed(engine, tenantId, id)))
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/failed-messages/{fid}/retry:
     *   post:
     *     operationId: retryFailedMessage
     *     tags: [failed messages]
     *     summary: Try a failed message again, now
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/FailedMessageId' }
     *     responses:
     *       202: { description: The failed message as it is now, content: { application/json: { schema: { $ref: '#/components/schemas/FailedMessageDetail' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/NotRetryable' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/failed-messages/{fid}/retry',
      action: 'failed_message.retry',
      body: emptyBody,
      async handle({ principal, tenantId, params }) {
        const id = parsePathId(params, 'fid')
        const changed = await engine.retryFailed(tenantId, { ids: [id], statuses: openStatuses })
        const failed = await findFailed(engine, tenantId, id)
        if (changed === 0) throw new Refusal('failed_message.not_retryable', sayWhy(failed))
        const body = toFailedDetail(failed, await guard.mayRead(principal, tenantId))
        return { status: 202, body, audit: { resource: `failed_message/${id}` } }
      },
    }),
  ]
}

/** Why the failed message was left as it is. */
function sayWhy({ status, type }: FailedMessage): string {
  switch (status) {
    case 'retried':
      return 'It is in the queue already; its outcome decides.'
    case 'resolved':
      return 'A later attempt has succeeded.'
    case 'discarded':
      return 'It was discarded.'
    case 'pending':
    case 'permanently_failed':
      return type === null
        ? 'What arrived lacks a type or an id, so it cannot be published.'
        : 'It was changed at the same moment: look again.'
  }
}
