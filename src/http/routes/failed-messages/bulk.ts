/** POST /tenants/{id}/failed-messages/retry and discard. */
import type { z } from 'zod'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { FailedFilter } from '../../../core/ports/failure-store.ts'
import type { Reply } from '../../answer/send.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type bulkAnswer, failedSelection, openStatuses } from '../../schemas/failed-message.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { toFilter } from './to-filter.ts'

export function createFailedMessageBulkRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/failed-messages/retry:
     *   post:
     *     operationId: retryFailedMessages
     *     tags: [failed messages]
     *     summary: Try again all failed messages that meet the conditions
     *     description: >-
     *       They are due at once and go into the queue little by little, so that live traffic keeps its share of the workers. What lacks a type
     *       or an id cannot be published and is left as it is.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/FailedSelection' } } } }
     *     responses:
     *       202: { description: How many, content: { application/json: { schema: { $ref: '#/components/schemas/BulkAnswer' } } } }
     *       400: { $ref: '#/components/responses/Invalid' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/failed-messages/retry',
      action: 'failed_message.retry',
      body: failedSelection,
      handle: ({ tenantId, body }) =>
        applyToAll(engine, tenantId, body, { isPublishable: true }, (filter) => engine.retryFailed(tenantId, filter)),
    }),

    /**
     * @openapi
     * /tenants/{id}/failed-messages/discard:
     *   post:
     *     operationId: discardFailedMessages
     *     tags: [failed messages]
     *     summary: Give up all failed messages that meet the conditions
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/FailedSelection' } } } }
     *     responses:
     *       202: { description: How many, content: { application/json: { schema: { $ref: '#/components/schemas/BulkAnswer' } } } }
     *       400: { $ref: '#/components/responses/Invalid' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/failed-messages/discard',
      action: 'failed_message.discard',
      body: failedSelection,
      handle: ({ tenantId, body }) => applyToAll(engine, tenantId, body, {}, (filter) => engine.discardFailed(tenantId, filter)),
    }),
  ]
}

async function applyToAll(
  engine: EngineApi,
  tenantId: TenantId,
  { status, dry_run, ...conditions }: z.output<typeof failedSelection>,
  allowed: Pick<FailedFilter, 'isPublishable'>,
  apply: (filter: FailedFilter) => Promise<number>,
): Promise<Reply> {
  await findTenant(engine, tenantId)
  const filter = { ...toFilter(conditions, status === undefined ? openStatuses : [status].flat()), ...allowed }
  const matched = await (dry_run ? engine.countFailed(tenantId, filter) : apply(filter))
  const answer: z.output<typeof bulkAnswer> = { matched, dry_run }
  return { status: 202, body: answer }
}
