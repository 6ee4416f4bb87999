/** POST and GET /tenants. */
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { tenantCursors } from '../../request/cursor.ts'
import { defineRoute, type Route } from '../../route.ts'
import { tenantCreation, tenantsQuery } from '../../schemas/tenant.ts'
import { toMessageDrafts } from '../messages/to-message-draft.ts'
import { replyTenant, toTenantBody } from './to-tenant-body.ts'

export function createTenantCollectionRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants:
     *   post:
     *     operationId: createTenant
     *     tags: [tenants]
     *     summary: Create a tenant
     *     description: Its queue, consumer and partition exist when this answers.
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/TenantCreation' } } } }
     *     responses:
     *       201:
     *         description: The tenant
     *         headers:
     *           Location: { schema: { type: string } }
     *           ETag: { schema: { type: string } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants',
      action: 'tenant.create',
      body: tenantCreation,
      async handle({ body, prefix }) {
        const { tenant } = await engine.createTenant({
          name: body.name,
          description: body.description ?? null,
          status: body.status,
          workers: body.workers ?? body.max_workers,
          config: body.config ?? {},
          messages: toMessageDrafts(body.messages ?? [], Date.now()),
        })
        const { id, name, description, status, workers, config } = tenant
        return {
          ...replyTenant(201, tenant, { location: `${prefix}/tenants/${id}` }),
          audit: { tenantId: id, after: { name, description, status, workers, config } },
        }
      },
    }),

    /**
     * @openapi
     * /tenants:
     *   get:
     *     operationId: listTenants
     *     tags: [tenants]
     *     summary: List tenants, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/Tenants.limit' }
     *       - { $ref: '#/components/parameters/Tenants.cursor' }
     *       - { $ref: '#/components/parameters/Tenants.status' }
     *       - { $ref: '#/components/parameters/Tenants.q' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/TenantList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants',
      action: 'tenant.list',
      query: tenantsQuery,
      async handle({ query: { limit, cursor, status, q } }) {
        const { tenants, next } = await engine.listTenants({
          limit,
          ...(status ? { status } : {}),
          ...(q ? { search: q } : {}),
          ...(cursor ? { after: tenantCursors.parse('tenants', cursor) } : {}),
        })
        return { status: 200, body: { data: tenants.map(toTenantBody), next_cursor: tenantCursors.write('tenants', next) } }
      },
    }),
  ]
}
