/** POST /tenants/{id}/failed-messages/retry and discard. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { FailedFilter } from '../../../core/ports/failure-store.ts'
import type { Reply } from '../../answer/send.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type bulkAnswer, failedSelection, openStatuses } from '../../schemas/failed-message.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { requireSearchable } from './require-searchable.ts'
import { toFilter } from './to-filter.ts'

type Selection = z.output<typeof failedSelection>

export function createFailedMessageBulkRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  const requireConditions = async (principal: Principal, tenantId: TenantId, { error }: Selection): Promise<void> => {
    if (error !== undefined) await requireSearchable(engine, tenantId, await guard.mayRead(principal, tenantId))
  }

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
      async handle({ principal, tenantId, body }) {
        await requireConditions(principal, tenantId, body)
        return applyToAll(engine, tenantId, body, { isPublishable: true }, (filter) => engine.retryFailed(tenantId, filter))
      },
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
      async handle({ principal, tenantId, body }) {
        await requireConditions(principal, tenantId, body)
        return applyToAll(engine, tenantId, body, {}, (filter) => engine.discardFailed(tenantId, filter))
      },
    }),
  ]
}

async function applyToAll(
  engine: EngineApi,
  tenantId: TenantId,
  { status, dry_run, ...conditions }: Selection,
  allowed: Pick<FailedFilter, 'isPublishable'>,
  apply: (filter: FailedFilter) => Promise<number>,
): Promise<Reply> {
  await findTenant(engine, tenantId)
  const filter = { ...toFilter(conditions, status === undefined ? openStatuses : [status].flat()), ...allowed }
  const matched = await (dry_run ? engine.countFailed(tenantId, filter) : apply(filter))
  const answer: z.output<typeof bulkAnswer> = { matched, dry_run }
  if (dry_run) return { status: 202, body: answer }
  return { status: 202, body: answer, audit: { resource: 'failed_messages', after: { status: filter.statuses, ...conditions, matched } } }
}
