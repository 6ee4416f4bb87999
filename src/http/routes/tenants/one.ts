/** GET, PUT, PATCH and DELETE /tenants/{id}. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { TenantChange } from '../../../core/ports/tenant-store.ts'
import { parseIfMatch } from '../../request/entity-tag.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type deletionAnswer, deletionQuery, tenantChange } from '../../schemas/tenant.ts'
import { toCertificateBody } from '../erasures/to-erasure-body.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { changeAs } from './change-as.ts'
import { findTenant } from './find-tenant.ts'
import { replyChanged, replyTenant } from './to-tenant-body.ts'

export function createTenantRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}:
     *   parameters:
     *     - { $ref: '#/components/parameters/TenantId' }
     *   get:
     *     operationId: readTenant
     *     tags: [tenants]
     *     summary: One tenant
     *     responses:
     *       200:
     *         description: The tenant
     *         headers: { ETag: { schema: { type: string } } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}',
      action: 'tenant.read',
      handle: async ({ tenantId }) => replyTenant(200, await findTenant(engine, tenantId)),
    }),

    /**
     * @openapi
     * /tenants/{id}:
     *   put:
     *     operationId: changeTenant
     *     tags: [tenants]
     *     summary: Change a tenant; what is left out stays as it is
     *     parameters:
     *       - { $ref: '#/components/parameters/IfMatch' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/TenantChange' } } } }
     *     responses:
     *       200: { description: The tenant, content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } } }
     *   patch:
     *     operationId: patchTenant
     *     tags: [tenants]
     *     summary: The same as PUT
     *     parameters:
     *       - { $ref: '#/components/parameters/IfMatch' }
     *     requestBody: { required: true, content: { application/json: { schema: { $ref: '#/components/schemas/TenantChange' } } } }
     *     responses:
     *       200: { description: The tenant, content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } } }
     */
    ...(['put', 'patch'] as const).map((method) =>
      defineRoute({
        method,
        path: '/tenants/{id}',
        action: 'tenant.change',
        body: tenantChange,
        async handle({ principal, tenantId, body, headers }) {
          const expectedVersion = parseIfMatch(headers['if-match'])
          return replyChanged(await changeAs(principal, engine, tenantId, { change: toChange(body), expectedVersion }))
        },
      }),
    ),

    /**
     * @openapi
     * /tenants/{id}:
     *   delete:
     *     operationId: deleteTenant
     *     tags: [tenants]
     *     summary: Delete a tenant and all that is its own
     *     description: Its rows everywhere, its queues, its consumer and its partition. The certificate says what was found and removed.
     *     parameters:
     *       - { $ref: '#/components/parameters/Deletion.mode' }
     *       - { $ref: '#/components/parameters/Deletion.deadline_ms' }
     *     responses:
     *       200: { description: What became of its messages, content: { application/json: { schema: { $ref: '#/components/schemas/DeletionAnswer' } } } }
     */
    defineRoute({
      method: 'delete',
      path: '/tenants/{id}',
      action: 'tenant.delete',
      query: deletionQuery,
      async handle({ tenantId, query: { mode, deadline_ms } }) {
        const { name } = await findTenant(engine, tenantId)
        // The tenant's own entries are erased with it: this one is the platform's.
        const note = { tenantId: null, resource: `tenant/${tenantId}`, before: { name } }
        const deletion = await noteUnfinished({ ...note, after: { mode } }, () => engine.deleteTenant(tenantId, mode, deadline_ms))
        const { drained, discarded, certificate } = deletion
        const answer: z.output<typeof deletionAnswer> = {
          id: tenantId,
          status: 'deleted',
          drained,
          discarded,
          certificate: certificate ? toCertificateBody(certificate) : null,
        }
        return { status: 200, body: answer, audit: { ...note, after: { mode, drained, discarded } } }
      },
    }),
  ]
}

function toChange({ name, description, status, config }: z.output<typeof tenantChange>): TenantChange {
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(status === undefined ? {} : { status }),
    ...(config === undefined ? {} : { config }),
  }
}
