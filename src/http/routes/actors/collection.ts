/** GET /actors. */
import { readTenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { defineRoute, type Route } from '../../route.ts'
import { actorsQuery } from '../../schemas/inspection.ts'
import { listActors } from './list-actors.ts'

export function createActorCollectionRoutes(engine: EngineApi, inspection: Inspection): readonly Route[] {
  return [
    /**
     * @openapi
     * /actors:
     *   get:
     *     operationId: listActors
     *     tags: [inspection]
     *     summary: The actors of every node, parents before their children
     *     parameters:
     *       - { $ref: '#/components/parameters/Actors.limit' }
     *       - { $ref: '#/components/parameters/Actors.cursor' }
     *       - { $ref: '#/components/parameters/Actors.kind' }
     *       - { $ref: '#/components/parameters/Actors.state' }
     *       - { $ref: '#/components/parameters/Actors.parent' }
     *       - { $ref: '#/components/parameters/Actors.node' }
     *       - { $ref: '#/components/parameters/Actors.tenant_id' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/ActorList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/actors',
      action: 'actor.list',
      query: actorsQuery,
      handle({ principal, query: { tenant_id, ...query } }) {
        const tenantId = tenant_id === undefined ? undefined : readTenantId(tenant_id)
        return listActors({ engine, inspection, principal, scope: 'actors', tenantId }, query)
      },
    }),
  ]
}
