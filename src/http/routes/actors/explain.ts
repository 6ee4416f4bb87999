/** GET /actors/{id}/explain. */
import type { z } from 'zod'
import type { Inspection } from '../../../core/ports/inspection.ts'
import { defineRoute, type Route } from '../../route.ts'
import { type actorExplanation, actorQuery } from '../../schemas/inspection.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'
import { eyesOf } from './conceal.ts'
import { toExplanationBody } from './to-explanation-body.ts'
import { notFound, parseActorId, tenantIdOf } from './visible-actor.ts'

export function createActorExplainRoutes(inspection: Inspection, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /actors/{id}/explain:
     *   get:
     *     operationId: explainActor
     *     tags: [inspection]
     *     summary: Why the actor is as it is, what blocks it, until when, and the call that would unblock it
     *     parameters:
     *       - { $ref: '#/components/parameters/ActorId' }
     *       - { $ref: '#/components/parameters/Actor.node' }
     *     responses:
     *       200: { description: The explanation, content: { application/json: { schema: { $ref: '#/components/schemas/ActorExplanation' } } } }
     *       404: { $ref: '#/components/responses/Missing' }
     */
    defineRoute({
      method: 'get',
      path: '/actors/{id}/explain',
      action: 'actor.read',
      query: actorQuery,
      async handle({ principal, params, query: { node }, prefix }) {
        const id = parseActorId(principal, params.id)
        const { found, missingNodes } = await inspection.explainActor(id, node)
        if (!found) throw notFound(missingNodes)
        const { texts: isReadable } = await eyesOf(guard, principal, tenantIdOf(id))
        const body: z.output<typeof actorExplanation> = { ...toExplanationBody(found, { prefix, isReadable }), node: found.node }
        return { status: 200, body }
      },
    }),
  ]
}
