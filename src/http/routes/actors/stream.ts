/** GET /actors/stream. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import { AppError } from '../../../core/errors.ts'
import { readTenantId, type TenantId } from '../../../core/ids.ts'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { ActorChange, Inspection, WatchItem, WatchSummary } from '../../../core/ports/inspection.ts'
import type { ServerSentEvent } from '../../answer/events.ts'
import { actorMissing } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type actorChange, watchQuery, type watchSummary } from '../../schemas/watch.ts'
import { findTenant } from '../tenants/find-tenant.ts'
import { isVisible, parseActorId } from './visible-actor.ts'

/** Of one platform admin, or of one tenant while the node has many places left. */
const maxStreams = 8

/** Before `/actors/{id}`, which would match it. */
export function createActorStreamRoutes(engine: Pick<EngineApi, 'findTenant'>, inspection: Inspection): readonly Route[] {
  return [
    /**
     * @openapi
     * /actors/stream:
     *   get:
     *     operationId: watchActors
     *     tags: [inspection]
     *     summary: What happens to actors, as it happens
     *     description: >-
     *       Server-sent events of every node: `transition`, `spawned`, `stopped` and `crashed` with an ActorChange, `summary` with a
     *       WatchSummary of changes that were too many, `gap` when what followed the last event’s id is not remembered or a node’s news is lost, and `bye` with the
     *       reason when the stream ends: `node.draining`, or that the credentials do not allow it any more. A comment comes every 15
     *       seconds. Whoever comes again with the last id is told what has happened since, for a minute. A tenant’s users and keys see
     *       their tenant’s actors.
     *     parameters:
     *       - { $ref: '#/components/parameters/Watch.tenant_id' }
     *       - { $ref: '#/components/parameters/Watch.actor_id' }
     *       - { $ref: '#/components/parameters/Watch.kind' }
     *       - { $ref: '#/components/parameters/Watch.max_per_second' }
     *       - { $ref: '#/components/parameters/Watch.last_event_id' }
     *       - { $ref: '#/components/parameters/LastEventId' }
     *     responses:
     *       200:
     *         description: The events; the schema is that of their data
     *         content:
     *           text/event-stream:
     *             schema: { oneOf: [{ $ref: '#/components/schemas/ActorChange' }, { $ref: '#/components/schemas/WatchSummary' }] }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/actors/stream',
      action: 'actor.watch',
      query: watchQuery,
      atOnce: maxStreams,
      isEndless: true,
      async handle({ principal, query, headers }) {
        const given = headers['last-event-id']
        const after = typeof given === 'string' && given !== '' ? given : query.last_event_id
        const tenantId = await findWatchedTenant(engine, principal, query.tenant_id)
        const actorId = query.actor_id === undefined ? undefined : parseActorId(principal, query.actor_id)
        // One that was watched may have ended meanwhile.
        if (actorId !== undefined && after === undefined) await requireActor(inspection, principal, actorId)
        const filter = { tenantId, actorId, actorKind: query.kind }
        const options = { after, maxPerSecond: query.max_per_second }
        return { status: 200, events: (signal) => toEvents(inspection.watch(filter, { ...options, signal })) }
      },
    }),
  ]
}

/** The tenant whose actors are shown; undefined for those of all and of the platform. Errors: AppError `tenant.missing`. */
async function findWatchedTenant(
  engine: Pick<EngineApi, 'findTenant'>,
  principal: Principal,
  text: string | undefined,
): Promise<TenantId | undefined> {
  const asked = text === undefined ? undefined : readTenantId(text)
  if (principal.kind !== 'admin') {
    if (asked !== undefined && asked !== principal.tenantId) throw new AppError('tenant.missing', 'another tenant’s actors')
    return principal.tenantId
  }
  return asked && (await findTenant(engine, asked)).id
}

/** Errors: Refusal `actor.missing`, when every node has said that it has none. */
async function requireActor(inspection: Inspection, principal: Principal, actorId: string): Promise<void> {
  const { actor, missingNodes } = await inspection.findActor(actorId)
  if (actor ? !isVisible(principal, actor) : missingNodes.length === 0) throw actorMissing()
}

async function* toEvents(items: AsyncIterable<WatchItem>): AsyncGenerator<ServerSentEvent> {
  for await (const item of items) yield toEvent(item)
}

function toEvent(item: WatchItem): ServerSentEvent {
  const { type, id } = item
  if (type === 'change') return { event: item.change.kind, id, data: toChangeBody(item.change) }
  return type === 'summary' ? { event: type, id, data: toSummaryBody(item.summary) } : { event: type, id, data: {} }
}

const toChangeBody = ({ kind, at, node, actorId, actorKind, tenantId, event, from, to }: ActorChange): z.output<typeof actorChange> => ({
  kind,
  at: at.toISOString(),
  node,
  actor_id: actorId,
  actor_kind: actorKind,
  tenant_id: tenantId,
  event,
  from,
  to,
})

const toSummaryBody = ({ from, to, total, counts }: WatchSummary): z.output<typeof watchSummary> => ({
  from: from.toISOString(),
  to: to.toISOString(),
  total,
  counts: counts.map(({ actorKind, from: before, to: after, count }) => ({ actor_kind: actorKind, from: before, to: after, count })),
})
