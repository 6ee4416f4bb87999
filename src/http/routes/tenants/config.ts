/** GET and PUT /tenants/{id}/config, and the concurrency under it. */
import type { z } from 'zod'
import type { EngineApi, TenantView } from '../../../core/ports/engine-api.ts'
import type { Reply } from '../../answer/send.ts'
import { parseIfMatch, toEntityTag } from '../../request/entity-tag.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type concurrencyAnswer, concurrencyBody } from '../../schemas/tenant.ts'
import { tenantConfig } from '../../schemas/tenant-config.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { changeAs } from './change-as.ts'
import { findTenant } from './find-tenant.ts'

export function createTenantConfigRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/config/concurrency:
     *   put:
     *     operationId: resizeTenant
     *     tags: [tenants]
     *     summary: Set how many workers the tenant has
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/ConcurrencyBody' } } } }
     *     responses:
     *       200: { description: The workers before and now, content: { application/json: { schema: { $ref: '#/components/schemas/ConcurrencyAnswer' } } } }
     */
    defineRoute({
      method: 'put',
      path: '/tenants/{id}/config/concurrency',
      action: 'tenant.resize',
      body: concurrencyBody,
      async handle({ tenantId, body }) {
        const { workers, previousWorkers, currentWorkers } = await noteUnfinished({ after: body }, () =>
          engine.resizeTenant(tenantId, body.workers),
        )
        const answer: z.output<typeof concurrencyAnswer> = {
          tenant_id: tenantId,
          workers,
          previous_workers: previousWorkers,
          current_workers: currentWorkers,
        }
        return { status: 200, body: answer, audit: { before: { workers: previousWorkers }, after: { workers } } }
      },
    }),

    /**
     * @openapi
     * /tenants/{id}/config:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *   get:
     *     operationId: readTenantConfig
     *     tags: [tenants]
     *     summary: The tenant's settings
     *     responses:
     *       200: { description: The settings, content: { application/json: { schema: { $ref: '#/components/schemas/TenantConfig' } } } }
     *   put:
     *     operationId: changeTenantConfig
     *     tags: [tenants]
     *     summary: Replace the tenant's settings
     *     description: >-
     *       The keys that the schema names are for the engine; any other is for the handlers. Only owners and platform admins may change
     *       `payload_visibility`: for anybody else it must be what it is. Only platform admins may change `rate_limits`: for anybody else it must
     *       be what it is, or be left out, and stays.
     *     parameters:
     *       - { $ref: '#/components/parameters/IfMatch' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/TenantConfig' } } } }
     *     responses:
     *       200: { description: The settings, content: { application/json: { schema: { $ref: '#/components/schemas/TenantConfig' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/config',
      action: 'tenant.read_config',
      handle: async ({ tenantId }) => replyConfig(await findTenant(engine, tenantId)),
    }),
    defineRoute({
      method: 'put',
      path: '/tenants/{id}/config',
      action: 'tenant.change_config',
      body: tenantConfig,
      async handle({ principal, tenantId, body, headers }) {
        const expectedVersion = parseIfMatch(headers['if-match'])
        const { tenant, audit } = await changeAs(principal, engine, tenantId, { change: { config: body }, expectedVersion })
        return { ...replyConfig(tenant), audit }
      },
    }),
  ]
}

const replyConfig = ({ version, config }: TenantView): Reply => ({
  status: 200,
  headers: { etag: toEntityTag(version) },
  body: config,
})
