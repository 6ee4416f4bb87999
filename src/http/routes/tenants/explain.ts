/** GET /tenants/{id}/explain. */
import type { z } from 'zod'
import { AppError } from '../../../core/errors.ts'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { tenantExplanation } from '../../schemas/inspection.ts'
import { toExplanationBody } from '../actors/to-explanation-body.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { maxExplainsOfTenant, mayReadDetail } from './explain-guard.ts'

export function createTenantExplainRoutes(inspection: Inspection, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/explain:
     *   get:
     *     operationId: explainTenant
     *     tags: [inspection]
     *     summary: Why the tenant is as it is, over all nodes, and the call that would help
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The explanation, content: { application/json: { schema: { $ref: '#/components/schemas/TenantExplanation' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/explain',
      action: 'tenant.explain',
      atOnce: maxExplainsOfTenant,
      async handle({ principal, tenantId, prefix }) {
        const explanation = await inspection.explainTenant(tenantId)
        if (!explanation) throw new AppError('tenant.missing', 'no such tenant')
        const caller = { prefix, isReadable: await mayReadDetail(guard, principal, tenantId) }
        const body: z.output<typeof tenantExplanation> = {
          ...toExplanationBody(explanation, caller),
          also: explanation.also.map((other) => toExplanationBody(other, caller)),
          missing_nodes: [...explanation.missingNodes],
        }
        return { status: 200, body }
      },
    }),
  ]
}
