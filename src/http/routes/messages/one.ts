/** GET and DELETE /tenants/{id}/messages/{mid}. */
import type { z } from 'zod'
import type { MessageId, TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { parsePathId } from '../../request/path-id.ts'
import { messageMissing } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { messageDetail } from '../../schemas/message.ts'
import type { PayloadGuard } from './payload-guard.ts'
import { toAttemptBody, toMessageBody, toScheduledBody } from './to-message-body.ts'

export function createMessageRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/messages/{mid}:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *     - { $ref: '#/components/parameters/MessageId' }
     *   get:
     *     operationId: readMessage
     *     tags: [messages]
     *     summary: One message, with the attempts that failed
     *     responses:
     *       200: { description: The message, content: { application/json: { schema: { $ref: '#/components/schemas/MessageDetail' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     *   delete:
     *     operationId: cancelMessage
     *     tags: [messages]
     *     summary: Cancel a message that waits for its time
     *     responses:
     *       204: { description: It will not be processed }
     *       404: { $ref: '#/components/responses/Missing' }
     *       409: { $ref: '#/components/responses/NotCancellable' }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/messages/{mid}',
      action: 'message.read',
      async handle({ principal, tenantId, params }) {
        const id = parsePathId(params, 'mid')
        return { status: 200, body: await readMessage(engine, tenantId, id, await guard.mayRead(principal, tenantId)) }
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}/messages/{mid}',
      action: 'message.cancel',
      async handle({ tenantId, params }) {
        const id = parsePathId(params, 'mid')
        await engine.cancelScheduled(tenantId, id)
        return { status: 204, audit: { resource: `message/${id}` } }
      },
    }),
  ]
}

/** Errors: Refusal `message.missing`. */
async function readMessage(
  engine: EngineApi,
  tenantId: TenantId,
  id: MessageId,
  isReadable: boolean,
): Promise<z.output<typeof messageDetail>> {
  const message = await engine.findMessage(tenantId, id)
  if (!message) {
    const scheduled = await engine.findScheduled(tenantId, id)
    if (!scheduled) throw messageMissing()
    return { ...toScheduledBody(scheduled, isReadable), history: [] }
  }
  // What was processed at its first attempt has never failed.
  const hasFailed = message.status !== 'processed' || message.attempts > 1
  const failed = hasFailed ? await engine.findFailed(tenantId, id) : undefined
  const history = failed?.history.map((record) => toAttemptBody(record, isReadable)) ?? []
  return { ...toMessageBody(message, isReadable), history }
}
