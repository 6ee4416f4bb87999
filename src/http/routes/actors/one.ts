/** GET /actors/{id}, and what it has been through. */
import type { z } from 'zod'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { actorMissing } from '../../request/refusal.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type actorDetail, actorQuery } from '../../schemas/inspection.ts'
import { replyDump } from '../flight-records/reply-dump.ts'
import { toMachineBody } from '../machines/to-machine-body.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { eyesOf } from './conceal.ts'
import { toSnapshotBody } from './to-actor-body.ts'
import { isVisible, notFound, parseActorId } from './visible-actor.ts'

export function createActorRoutes(inspection: Inspection, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /actors/{id}:
     *   get:
     *     operationId: readActor
     *     tags: [inspection]
     *     summary: One actor, its state, what it holds and what it has been through
     *     description: >-
     *       A tenant's users and keys see their tenant's actor and those below it; for them there is no other. A configuration in the
     *       context is for those who may read it, and the texts of errors for those whom `payload_visibility` shows message data to.
     *     parameters:
     *       - { $ref: '#/components/parameters/ActorId' }
     *       - { $ref: '#/components/parameters/Actor.node' }
     *     responses:
     *       200: { description: The actor, content: { application/json: { schema: { $ref: '#/components/schemas/ActorDetail' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/actors/{id}',
      action: 'actor.read',
      query: actorQuery,
      async handle({ principal, params, query: { node } }) {
        const { actor, elsewhere, missingNodes } = await inspection.findActor(parseActorId(principal, params.id), node)
        if (!actor) throw notFound(missingNodes)
        if (!isVisible(principal, actor)) throw actorMissing()
        const eyes = await eyesOf(guard, principal, actor.tenantId)
        const body: z.output<typeof actorDetail> = {
          ...toSnapshotBody(principal, actor, eyes),
          definition: actor.definition && toMachineBody(actor.definition),
          elsewhere: elsewhere.filter((other) => isVisible(principal, other)).map((other) => toSnapshotBody(principal, other, eyes)),
          missing_nodes: [...missingNodes],
        }
        return { status: 200, body }
      },
    }),

    /**
     * @openapi
     * /actors/{id}/recording:
     *   get:
     *     operationId: recordActor
     *     tags: [inspection]
     *     summary: What the actor has been through until now, as a file
     *     description: '`npm run replay -- <file>` plays it again.'
     *     parameters:
     *       - { $ref: '#/components/parameters/ActorId' }
     *       - { $ref: '#/components/parameters/Actor.node' }
     *     responses:
     *       200:
     *         description: The dump
     *         headers: { Content-Disposition: { schema: { type: string } } }
     *         content: { application/json: { schema: { $ref: '#/components/schemas/FlightDump' } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/actors/{id}/recording',
      action: 'actor.record',
      query: actorQuery,
      async handle({ principal, params, query: { node } }) {
        const { found, missingNodes } = await inspection.recordActor(parseActorId(principal, params.id), node)
        if (!found) throw notFound(missingNodes)
        if (!isVisible(principal, found)) throw actorMissing()
        return replyDump(found, await eyesOf(guard, principal, found.tenantId))
      },
    }),
  ]
}
