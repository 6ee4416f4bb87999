/** POST /tenants/{id}/messages and its batch. */
import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import { type MessageId, readIdTimeMs } from '../../../core/ids.ts'
import type { EngineApi, MessageDraft, Published } from '../../../core/ports/engine-api.ts'
import { readTraceContext } from '../../../core/trace.ts'
import { parseIdempotencyKey } from '../../request/idempotency-key.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type batchAnswer, messageBatch, messageDraft, type publishAnswer } from '../../schemas/message.ts'
import { toMessageDraft, toMessageDrafts } from './to-message-draft.ts'

export function createPublishRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/messages:
     *   post:
     *     operationId: publishMessage
     *     tags: [messages]
     *     summary: Publish a message
     *     description: >-
     *       When this answers, the message is durable: in the tenant's queue, or kept until its time has come. A request that is repeated with
     *       the same Idempotency-Key and the same body gets the same answer and publishes nothing.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/IdempotencyKey' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/MessageDraft' } } } }
     *     responses:
     *       202:
     *         description: Accepted
     *         headers:
     *           Location: { schema: { type: string } }
     *           Idempotency-Replayed: { $ref: '#/components/headers/IdempotencyReplayed' }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/PublishAnswer' } } }
     *       409: { $ref: '#/components/responses/PublishConflict' }
     *       422: { $ref: '#/components/responses/Unschedulable' }
     *       429: { $ref: '#/components/responses/RateLimited' }
     *       503: { $ref: '#/components/responses/Unavailable' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/messages',
      action: 'message.publish',
      body: messageDraft,
      limit: 'publish',
      async handle({ tenantId, body, headers, prefix }) {
        const key = parseIdempotencyKey(headers, 'single', body)
        const draft = toMessageDraft(body, Date.now())
        const published = await engine.publish(tenantId, inTrace([draft], headers), key)
        // One draft, one id.
        const id = published.ids[0] as MessageId
        const answer: z.output<typeof publishAnswer> = {
          id,
          tenant_id: tenantId,
          status: wasScheduled(body, draft, published) ? 'scheduled' : 'queued',
        }
        const location = `${prefix}/tenants/${tenantId}/messages/${id}`
        return { status: 202, headers: { location, ...toReplayed(published) }, body: answer, traceId: published.traceId }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/messages/batch:
     *   post:
     *     operationId: publishMessages
     *     tags: [messages]
     *     summary: Publish up to 1000 messages, all or none
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/IdempotencyKey' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/MessageBatch' } } } }
     *     responses:
     *       202:
     *         description: Accepted
     *         headers: { Idempotency-Replayed: { $ref: '#/components/headers/IdempotencyReplayed' } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/BatchAnswer' } } }
     *       409: { $ref: '#/components/responses/PublishConflict' }
     *       422: { $ref: '#/components/responses/Unschedulable' }
     *       429: { $ref: '#/components/responses/RateLimited' }
     *       503: { $ref: '#/components/responses/Unavailable' }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/messages/batch',
      action: 'message.publish',
      body: messageBatch,
      limit: 'publish',
      points: ({ messages }) => messages.length,
      async handle({ tenantId, body, headers }) {
        const key = parseIdempotencyKey(headers, 'batch', body)
        const published = await engine.publish(tenantId, inTrace(toMessageDrafts(body.messages, Date.now()), headers), key)
        const answer: z.output<typeof batchAnswer> = { accepted: published.ids.length, ids: [...published.ids] }
        return { status: 202, headers: toReplayed(published), body: answer, traceId: published.traceId }
      },
    }),
  ]
}

/** A replay gets the answer of the first request, also when the time has come since: the id says when that was. */
function wasScheduled({ scheduled_at }: z.output<typeof messageDraft>, draft: MessageDraft, { ids, replayed }: Published): boolean {
  const firstAtMs = replayed && ids[0] ? readIdTimeMs(ids[0]) : undefined
  if (firstAtMs === undefined || scheduled_at === undefined) return draft.scheduledAt !== undefined
  return Date.parse(scheduled_at) > firstAtMs
}

/** A header that is not as W3C writes it counts as none. */
function inTrace(drafts: readonly MessageDraft[], { traceparent, tracestate }: IncomingHttpHeaders): readonly MessageDraft[] {
  const trace = readTraceContext(traceparent, tracestate)
  return trace === undefined ? drafts : drafts.map((draft) => ({ ...draft, trace }))
}

const toReplayed = ({ replayed }: Published): Readonly<Record<string, string>> => (replayed ? { 'idempotency-replayed': 'true' } : {})
