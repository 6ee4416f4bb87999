/** GET /tenants/{id}/messages/{mid}/explain. */
import type { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { parsePathId } from '../../request/path-id.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { messageExplanation } from '../../schemas/inspection.ts'
import { toExplanationBody } from '../actors/to-explanation-body.ts'
import { maxExplainsOfTenant, mayReadDetail } from '../tenants/explain-guard.ts'
import type { PayloadGuard } from './payload-guard.ts'

export function createMessageExplainRoutes(inspection: Inspection, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/messages/{mid}/explain:
     *   get:
     *     operationId: explainMessage
     *     tags: [inspection]
     *     summary: Where the message is, why it has not moved, and when it will be run
     *     description: A message that nobody knows of has the standing `unknown`, which is no error.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/MessageId' }
     *     responses:
     *       200: { description: The explanation, content: { application/json: { schema: { $ref: '#/components/schemas/MessageExplanation' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/messages/{mid}/explain',
      action: 'message.explain',
      atOnce: maxExplainsOfTenant,
      async handle({ principal, tenantId, params, prefix }) {
        const id = parsePathId(params, 'mid')
        const explanation = await inspection.explainMessage(tenantId, id)
        if (!explanation) throw new AppError('tenant.missing', 'no such tenant')
        const { standing, position, expectedAt, missingNodes } = explanation
        const isReadable = await mayReadDetail(guard, principal, tenantId)
        const body: z.output<typeof messageExplanation> = {
          ...toExplanationBody(explanation, { prefix, isReadable }),
          standing,
          position: position && { ahead: position.ahead, at_most: position.atMost },
          expected_at: expectedAt?.toISOString() ?? null,
          missing_nodes: [...missingNodes],
        }
        return { status: 200, body }
      },
    }),
  ]
}
