/** GET /tenants/{id}/actors. */
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { defineRoute, type Route } from '../../route.ts'
import { tenantActorsQuery } from '../../schemas/inspection.ts'
import { listActors } from '../actors/list-actors.ts'

export function createTenantActorRoutes(engine: EngineApi, inspection: Inspection): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/actors:
     *   get:
     *     operationId: listTenantActors
     *     tags: [inspection]
     *     summary: The tenant's actor on every node and what is below it, parents before their children
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/TenantActors.limit' }
     *       - { $ref: '#/components/parameters/TenantActors.cursor' }
     *       - { $ref: '#/components/parameters/TenantActors.kind' }
     *       - { $ref: '#/components/parameters/TenantActors.state' }
     *       - { $ref: '#/components/parameters/TenantActors.parent' }
     *       - { $ref: '#/components/parameters/TenantActors.node' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/ActorList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/actors',
      action: 'tenant.list_actors',
      query: tenantActorsQuery,
      handle: ({ principal, tenantId, query }) =>
        listActors({ engine, inspection, principal, scope: `tenants/${tenantId}/actors`, tenantId }, query),
    }),
  ]
}
