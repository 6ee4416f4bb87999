/** GET /tenants/{id}/export. */
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { findTenant } from './find-tenant.ts'

/**
 * Everything a tenant has, as lines of JSON with their line ends; asked for piece by piece, as the client takes it.
 * Errors, at any piece: AppError.
 */
export type ExportTenant = (tenantId: TenantId, options: { readonly withPayloads: boolean }) => AsyncIterable<string>

/** An export is long, and each reads page after page. */
const maxExportsOfTenant = 2

export function createExportRoutes(engine: EngineApi, guard: PayloadGuard, exportTenant: ExportTenant): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/export:
     *   get:
     *     operationId: exportTenant
     *     tags: [tenants]
     *     summary: Everything the tenant has, one JSON object a line
     *     description: >-
     *       Each line has a `kind`. Secrets, passwords and keys are not in it, nor message data that `payload_visibility` keeps from the
     *       caller. An answer that breaks off is not complete.
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The lines, content: { application/x-ndjson: { schema: { type: string } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/export',
      action: 'tenant.export',
      atOnce: maxExportsOfTenant,
      async handle({ principal, tenantId }) {
        await findTenant(engine, tenantId)
        const stream = exportTenant(tenantId, { withPayloads: await guard.mayRead(principal, tenantId) })
        const headers = {
          'content-type': 'application/x-ndjson; charset=utf-8',
          'content-disposition': `attachment; filename="tenant-${tenantId}.ndjson"`,
        }
        return { status: 200, headers, stream, audit: {} }
      },
    }),
  ]
}
