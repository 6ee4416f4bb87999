/** GET /tenants/{id}/failed-messages, its stats, and GET /retry/stats. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { FailedStats } from '../../../core/ports/failure-store.ts'
import type { RetryPolicy } from '../../../core/retry-policy.ts'
import { failedCursors } from '../../request/cursor.ts'
import { defineRoute, type Route } from '../../route.ts'
import { failedMessagesQuery } from '../../schemas/failed-message.ts'
import type { retryPolicySchema, retryStatsSchema } from '../../schemas/retry.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { requireSearchable } from './require-searchable.ts'
import { toFailedBody, toFailedStats } from './to-failed-body.ts'
import { toFilter } from './to-filter.ts'

export function createFailedMessageReadRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  const toStats = async (principal: Principal, stats: FailedStats) =>
    toFailedStats(
      stats,
      await guard.readable(
        principal,
        stats.kinds.map(({ tenantId }) => tenantId),
      ),
    )

  return [
    /**
     * @openapi
     * /tenants/{id}/failed-messages:
     *   get:
     *     operationId: listFailedMessages
     *     tags: [failed messages]
     *     summary: List a tenant's failed messages, the newest failure first
     *     description: >-
     *       `pending` is tried again at `next_retry_at`; `retried` is in the queue again; `resolved` has succeeded since; `permanently_failed`
     *       nobody tries again, unless it is retried by hand; `discarded` was given up by hand.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/FailedMessages.limit' }
     *       - { $ref: '#/components/parameters/FailedMessages.cursor' }
     *       - { $ref: '#/components/parameters/FailedMessages.status' }
     *       - { $ref: '#/components/parameters/FailedMessages.type' }
     *       - { $ref: '#/components/parameters/FailedMessages.error' }
     *       - { $ref: '#/components/parameters/FailedMessages.fingerprint' }
     *       - { $ref: '#/components/parameters/FailedMessages.since' }
     *       - { $ref: '#/components/parameters/FailedMessages.until' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/FailedMessageList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/failed-messages',
      action: 'failed_message.list',
      query: failedMessagesQuery,
      async handle({ principal, tenantId, query: { limit, cursor, status, ...conditions } }) {
        const isReadable = await guard.mayRead(principal, tenantId)
        if (conditions.error !== undefined) await requireSearchable(engine, tenantId, isReadable)
        const scope = `tenants/${tenantId}/failed` as const
        const after = cursor ? { after: failedCursors.parse(scope, cursor) } : {}
        const { failed, next } = await engine.listFailed({ tenantId, limit, ...toFilter(conditions, status), ...after })
        // Only an empty page can be that of a tenant that does not exist.
        if (failed.length === 0) await findTenant(engine, tenantId)
        const data = failed.map((message) => toFailedBody(message, isReadable))
        return { status: 200, body: { data, next_cursor: failedCursors.write(scope, next) } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/failed-messages/stats:
     *   get:
     *     operationId: readFailedMessageStats
     *     tags: [failed messages]
     *     summary: How many failed messages there are, by status and by kind of failure
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The counts, content: { application/json: { schema: { $ref: '#/components/schemas/FailedStats' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/failed-messages/stats',
      action: 'failed_message.read_stats',
      async handle({ principal, tenantId }) {
        await findTenant(engine, tenantId)
        return { status: 200, body: await toStats(principal, await engine.failedStats(tenantId)) }
      },
    }),

    /**
     * @openapi
     * /retry/stats:
     *   get:
     *     operationId: readRetryStats
     *     tags: [failed messages]
     *     summary: The counts of all tenants together, and the retry policy in force
     *     responses:
     *       200: { description: The counts and the policies, content: { application/json: { schema: { $ref: '#/components/schemas/RetryStats' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/retry/stats',
      action: 'retry.read_stats',
      async handle({ principal }) {
        const { policy, namedPolicies, ...stats } = await engine.retryStats()
        const named = Object.entries(namedPolicies).map(([name, its]) => [name, toPolicyBody(its)] as const)
        const body: z.output<typeof retryStatsSchema> = {
          ...(await toStats(principal, stats)),
          policy: toPolicyBody(policy),
          named_policies: Object.fromEntries(named),
        }
        return { status: 200, body }
      },
    }),
  ]
}

function toPolicyBody(policy: RetryPolicy): z.output<typeof retryPolicySchema> {
  const common = { non_retryable: [...policy.nonRetryable], immediate_retries: policy.immediateRetries, order: policy.order }
  if (policy.strategy === 'fixed') return { strategy: 'fixed', delays_ms: [...policy.delaysMs], ...common }
  const { strategy, attempts, baseMs, factor, capMs } = policy
  return { strategy, attempts, base_ms: baseMs, factor, cap_ms: capMs, ...common }
}
