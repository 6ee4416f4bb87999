/** POST /tenants/{id}/pause, resume, restart and drain. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { defineRoute, type Route } from '../../route.ts'
import { emptyBody } from '../../schemas/common.ts'
import type { drainingTenant } from '../../schemas/tenant.ts'
import { noteUnfinished } from '../note-unfinished.ts'
import { findTenant } from './find-tenant.ts'
import { changeNoted } from './noted-change.ts'
import { replyChanged, toTenantBody } from './to-tenant-body.ts'

export function createTenantLifecycleRoutes(engine: EngineApi): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/pause:
     *   post:
     *     operationId: pauseTenant
     *     tags: [tenants]
     *     summary: Stop taking messages; they wait in the queue
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The tenant, content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/pause',
      action: 'tenant.pause',
      body: emptyBody,
      handle: async ({ tenantId }) => replyChanged(await changeNoted(engine, tenantId, { status: 'paused' })),
    }),

    /**
     * @openapi
     * /tenants/{id}/resume:
     *   post:
     *     operationId: resumeTenant
     *     tags: [tenants]
     *     summary: Take messages again, after a pause or a drain
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The tenant, content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/resume',
      action: 'tenant.resume',
      body: emptyBody,
      handle: async ({ tenantId }) => replyChanged(await changeNoted(engine, tenantId, { status: 'active' })),
    }),

    /**
     * @openapi
     * /tenants/{id}/restart:
     *   post:
     *     operationId: restartTenant
     *     tags: [tenants]
     *     summary: Restart the tenant's actor on every node
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The tenant, content: { application/json: { schema: { $ref: '#/components/schemas/Tenant' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/restart',
      action: 'tenant.restart',
      body: emptyBody,
      handle: async ({ tenantId }) => replyChanged(await changeNoted(engine, tenantId, { restart: true })),
    }),

    /**
     * @openapi
     * /tenants/{id}/drain:
     *   post:
     *     operationId: drainTenant
     *     tags: [tenants]
     *     summary: Refuse new messages, finish the queue, then stop
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       202: { description: The tenant and what is left to do, content: { application/json: { schema: { $ref: '#/components/schemas/DrainingTenant' } } } }
     */
    defineRoute({
      method: 'post',
      path: '/tenants/{id}/drain',
      action: 'tenant.drain',
      body: emptyBody,
      async handle({ tenantId }) {
        const { status } = await findTenant(engine, tenantId)
        const audit = { before: { status }, after: { status: 'drained' } }
        const { tenant, remaining } = await noteUnfinished(audit, () => engine.drainTenant(tenantId))
        const body: z.output<typeof drainingTenant> = {
          ...toTenantBody(tenant),
          remaining: { ready: remaining.ready, in_flight: remaining.inFlight },
        }
        return { status: 202, body, audit }
      },
    }),
  ]
}
