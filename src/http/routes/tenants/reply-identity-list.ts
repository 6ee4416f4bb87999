/** A page of who belongs to a tenant: its users, invitations or API keys. */
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { IdentityPage, IdentityQuery } from '../../../core/ports/identity-store.ts'
import type { Reply } from '../../answer/send.ts'
import { identityCursors } from '../../request/cursor.ts'
import { listOfTenant } from './of-tenant.ts'

export interface IdentityList<Item> {
  readonly kind: 'users' | 'invitations' | 'api-keys'
  readonly list: (tenantId: TenantId, query: IdentityQuery) => Promise<IdentityPage<Item>>
  readonly toBody: (item: Item) => unknown
}

/** Errors: AppError `tenant.missing`; Refusal naming `cursor`. */
export async function replyIdentityList<Item>(
  engine: Pick<EngineApi, 'findTenant'>,
  tenantId: TenantId,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  { kind, list, toBody }: IdentityList<Item>,
): Promise<Reply> {
  const scope = `tenants/${tenantId}/${kind}` as const
  const { items, next } = await list(tenantId, { limit, ...(cursor ? { after: identityCursors.parse(scope, cursor) } : {}) })
  const listed = await listOfTenant(engine, tenantId, items)
  return { status: 200, body: { data: listed.map(toBody), next_cursor: identityCursors.write(scope, next) } }
}
