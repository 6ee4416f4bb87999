/** GET /erasures and GET /erasures/{tenantId}. */
import { AppError } from '../../../core/errors.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { erasureCursors } from '../../request/cursor.ts'
import { parsePathTenant } from '../../request/path-id.ts'
import { defineRoute, type Route } from '../../route.ts'
import { erasuresQuery } from '../../schemas/erasure.ts'
import { toErasureBody } from './to-erasure-body.ts'

export function createErasureRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /erasures:
     *   get:
     *     operationId: listErasures
     *     tags: [tenants]
     *     summary: List deleted tenants, the last deleted first
     *     parameters:
     *       - { $ref: '#/components/parameters/Erasures.limit' }
     *       - { $ref: '#/components/parameters/Erasures.cursor' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/ErasureList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/erasures',
      action: 'erasure.list',
      query: erasuresQuery,
      async handle({ query: { limit, cursor } }) {
        const after = cursor ? { after: erasureCursors.parse('erasures', cursor) } : {}
        const { tombstones, next } = await engine.listErasures({ limit, ...after })
        return { status: 200, body: { data: tombstones.map(toErasureBody), next_cursor: erasureCursors.write('erasures', next) } }
      },
    }),

    /**
     * @openapi
     * /erasures/{tenantId}:
     *   get:
     *     operationId: readErasure
     *     tags: [tenants]
     *     summary: What was found and removed when a tenant was deleted
     *     parameters:
     *       - { $ref: '#/components/parameters/DeletedTenantId' }
     *     responses:
     *       200: { description: The erasure, content: { application/json: { schema: { $ref: '#/components/schemas/Erasure' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/erasures/{tenantId}',
      action: 'erasure.read',
      async handle({ params }) {
        const erasure = await engine.findErasure(parsePathTenant(params, 'tenantId'))
        if (!erasure) throw new AppError('tenant.missing', 'no tenant of this id was deleted')
        return { status: 200, body: toErasureBody(erasure) }
      },
    }),
  ]
}
