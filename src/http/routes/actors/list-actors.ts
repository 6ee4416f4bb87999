/** A page of the actors' tree, as both lists of it answer. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import type { TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { Inspection } from '../../../core/ports/inspection.ts'
import type { Reply } from '../../answer/send.ts'
import { actorCursors } from '../../request/cursor.ts'
import type { tenantActorsQuery } from '../../schemas/inspection.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { toEntryBody } from './to-actor-body.ts'
import { isVisible } from './visible-actor.ts'

export interface ActorListing {
  readonly engine: EngineApi
  readonly inspection: Inspection
  readonly principal: Principal
  readonly scope: 'actors' | `tenants/${TenantId}/actors`
  readonly tenantId: TenantId | undefined
}

export async function listActors(
  { engine, inspection, principal, scope, tenantId }: ActorListing,
  { limit, cursor, kind, state, parent, node }: z.output<typeof tenantActorsQuery>,
): Promise<Reply> {
  const after = cursor === undefined ? undefined : actorCursors.parse(scope, cursor)
  const { actors, next, missingNodes } = await inspection.listActors({ tenantId, kind, state, parent, node, after, limit })
  // Only an empty page can be that of a tenant that does not exist.
  if (tenantId && actors.length === 0) await findTenant(engine, tenantId)
  const data = actors.filter((actor) => isVisible(principal, actor)).map((actor) => toEntryBody(principal, actor))
  return { status: 200, body: { data, next_cursor: actorCursors.write(scope, next), missing_nodes: [...missingNodes] } }
}
