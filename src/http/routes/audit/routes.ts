/** GET /tenants/{id}/audit and GET /audit. */
import type { z } from 'zod'
import type { TenantId } from '../../../core/ids.ts'
import type { AuditStore, StoredAuditEntry } from '../../../core/ports/audit-store.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Reply } from '../../answer/send.ts'
import { identityCursors } from '../../request/cursor.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type auditEntry, auditQuery } from '../../schemas/audit.ts'
import { findTenant } from '../tenants/find-tenant.ts'

export function createAuditRoutes(engine: EngineApi, audit: AuditStore): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/audit:
     *   get:
     *     operationId: listTenantAudit
     *     tags: [audit]
     *     summary: Who did what to the tenant, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *       - { $ref: '#/components/parameters/Audit.limit' }
     *       - { $ref: '#/components/parameters/Audit.cursor' }
     *       - { $ref: '#/components/parameters/Audit.action' }
     *       - { $ref: '#/components/parameters/Audit.actor' }
     *       - { $ref: '#/components/parameters/Audit.resource' }
     *       - { $ref: '#/components/parameters/Audit.since' }
     *       - { $ref: '#/components/parameters/Audit.until' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/AuditList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/audit',
      action: 'audit.list',
      query: auditQuery,
      async handle({ tenantId, query }) {
        await findTenant(engine, tenantId)
        return listAudit(audit, tenantId, query)
      },
    }),

    /**
     * @openapi
     * /audit:
     *   get:
     *     operationId: listAudit
     *     tags: [audit]
     *     summary: Who did what to the platform and to every tenant, newest first
     *     parameters:
     *       - { $ref: '#/components/parameters/Audit.limit' }
     *       - { $ref: '#/components/parameters/Audit.cursor' }
     *       - { $ref: '#/components/parameters/Audit.action' }
     *       - { $ref: '#/components/parameters/Audit.actor' }
     *       - { $ref: '#/components/parameters/Audit.resource' }
     *       - { $ref: '#/components/parameters/Audit.since' }
     *       - { $ref: '#/components/parameters/Audit.until' }
     *     responses:
     *       200: { description: A page, content: { application/json: { schema: { $ref: '#/components/schemas/AuditList' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/audit',
      action: 'audit.list_all',
      query: auditQuery,
      handle: ({ query }) => listAudit(audit, undefined, query),
    }),
  ]
}

async function listAudit(
  audit: AuditStore,
  tenantId: TenantId | undefined,
  { limit, cursor, action, actor, resource, since, until }: z.output<typeof auditQuery>,
): Promise<Reply> {
  const scope = tenantId ? (`tenants/${tenantId}/audit` as const) : 'audit'
  const { entries, next } = await audit.list({
    tenantId,
    limit,
    ...(action ? { action } : {}),
    ...(actor ? { doer: actor } : {}),
    ...(resource ? { resource } : {}),
    ...(since ? { since: new Date(since) } : {}),
    ...(until ? { until: new Date(until) } : {}),
    ...(cursor ? { after: identityCursors.parse(scope, cursor) } : {}),
  })
  return { status: 200, body: { data: entries.map(toEntryBody), next_cursor: identityCursors.write(scope, next) } }
}

const toEntryBody = (entry: StoredAuditEntry): z.output<typeof auditEntry> => ({
  id: entry.id,
  at: entry.at.toISOString(),
  tenant_id: entry.tenantId,
  actor: { kind: entry.doer.kind, id: entry.doer.id, name: entry.doer.name },
  action: entry.action,
  resource: entry.resource,
  address: entry.address,
  request_id: entry.requestId,
  before: entry.before,
  after: entry.after,
})
