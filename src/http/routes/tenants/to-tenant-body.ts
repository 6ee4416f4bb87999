/** A tenant as the API shows it. */
import type { z } from 'zod'
import type { TenantView } from '../../../core/ports/engine-api.ts'
import type { Reply } from '../../answer/send.ts'
import { toEntityTag } from '../../request/entity-tag.ts'
import type { tenantSchema } from '../../schemas/tenant.ts'
import type { Changed } from './noted-change.ts'

export type TenantBody = z.output<typeof tenantSchema>

export function toTenantBody(tenant: TenantView): TenantBody {
  return {
    id: tenant.id,
    name: tenant.name,
    description: tenant.description,
    status: tenant.status,
    state: tenant.state,
    workers: tenant.workers,
    current_workers: tenant.currentWorkers,
    max_workers: tenant.workers,
    queue_name: tenant.queueName,
    created_at: tenant.createdAt.toISOString(),
    updated_at: tenant.updatedAt.toISOString(),
  }
}

/** The tenant with its entity tag. */
export const replyTenant = (status: 200 | 201, tenant: TenantView, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { etag: toEntityTag(tenant.version), ...headers },
  body: toTenantBody(tenant),
})

export const replyChanged = ({ tenant, audit }: Changed): Reply => ({ ...replyTenant(200, tenant), audit })
