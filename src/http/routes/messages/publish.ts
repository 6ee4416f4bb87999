/** POST /tenants/{id}/messages and its batch. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
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
     *     description: It is durable in the tenant's queue when this answers.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/MessageDraft' } } } }
     *     responses:
     *       202:
     *         description: Accepted
     *         headers: { Location: { schema: { type: string } } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/PublishAnswer' } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/messages',
      action: 'message.publish',
      body: messageDraft,
      async handle({ tenantId, body, prefix }) {
        const id = await engine.publish(tenantId, toMessageDraft(body, Date.now()))
        const answer: z.output<typeof publishAnswer> = { id, tenant_id: tenantId, status: 'queued' }
        return { status: 202, headers: { location: `${prefix}/tenants/${tenantId}/messages/${id}` }, body: answer }
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
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/MessageBatch' } } } }
     *     responses:
     *       202: { description: Accepted, content: { application/json: { schema: { $ref: '#/components/schemas/BatchAnswer' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/messages/batch',
      action: 'message.publish',
      body: messageBatch,
      async handle({ tenantId, body }) {
        const ids = await engine.publishBatch(tenantId, toMessageDrafts(body.messages, Date.now()))
        const answer: z.output<typeof batchAnswer> = { accepted: ids.length, ids: [...ids] }
        return { status: 202, body: answer }
      },
    }),
  ]
}
