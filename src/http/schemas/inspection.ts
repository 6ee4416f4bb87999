/** Parameters and answers of the routes about actors, and of those that explain. */
import { z } from 'zod'
import { actorKinds, messageStandings } from '../../core/ports/inspection.ts'
import { count, dataHidden, listOf, listParameters, tenantIdText, wholeNumber } from './common.ts'
import { machineDefinition } from './machine.ts'

export const actorKind = z.enum(actorKinds)

export const maxNameLength = 300
const nodeName = z.string().min(1).max(maxNameLength)

/** In a path it may be anything: what is not an actor's id names no actor. */
export const actorIdText = z.string().meta({ examples: ['tenant:0198c1a0-3f5e-7c31-9a52-0d6f1c2b3a4d.worker:1'] })

export const tenantActorsQuery = z.strictObject({
  limit: wholeNumber(1, 1000).default(100).describe('How many items at most.'),
  cursor: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe(listParameters.cursor.description ?? ''),
  kind: actorKind.optional(),
  state: z.string().min(1).max(200).optional().describe('Such as `running`, `backing_off` or `up.clear`.'),
  parent: z.string().min(1).max(maxNameLength).optional().describe('Those right below this actor.'),
  node: nodeName.optional().describe('Those of this node alone.'),
})

export const actorsQuery = z.strictObject({
  ...tenantActorsQuery.shape,
  tenant_id: tenantIdText.optional().describe('That tenant’s actor and what is below it.'),
})

export const actorQuery = z.strictObject({
  node: nodeName.optional().describe('Asks this node alone; when left out, the answering node, and then the others.'),
})

const missingNodes = z.array(z.string()).describe('Nodes that live and have not answered in time: theirs is missing here.')

export const actorEntry = z.strictObject({
  id: z.string().describe('Unique on its node.'),
  kind: actorKind,
  state: z.string().describe('A tenant’s as its API names it; the active states of other machines, from the outside in.'),
  parent: z.string().nullable().describe('null for the root, and for the root of what the caller sees.'),
  since: z.iso.datetime().describe('When it entered the state.'),
  node: z.string(),
  tenant_id: z.uuid().nullable().describe('null for the actors of the platform.'),
})

export const actorList = z.strictObject({ ...listOf(actorEntry).shape, missing_nodes: missingNodes })

const transitionView = z.strictObject({
  at: z.iso.datetime(),
  event: z.string().describe('The type of the event that it took.'),
  from: z.string().nullable().describe('null for the first.'),
  to: z.string(),
})

export const actorSnapshot = z.strictObject({
  ...actorEntry.shape,
  value: z.unknown().describe('The state value as XState has it; null for an actor without states.'),
  context: z
    .unknown()
    .describe(
      'Without secrets, large collections cut short; null for an actor without states. `[hidden]` stands for what is not for the caller.',
    ),
  allowed_events: z.array(z.string()).describe('What its present states listen to.'),
  transitions: z.array(transitionView).describe('The last ones, oldest first.'),
  children: z.array(actorEntry),
})

export const actorDetail = z.strictObject({
  ...actorSnapshot.shape,
  definition: machineDefinition.nullable(),
  elsewhere: z.array(actorSnapshot).describe('The same actor on the other nodes.'),
  missing_nodes: missingNodes,
})

const remedySchema = z.strictObject({
  method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']),
  path: z.string().describe('As it is to be called.'),
  body: z.unknown().optional(),
  description: z.string(),
})

const explanation = z.strictObject({
  sentence: z.string(),
  blocked_by: z.string().nullable().describe('A code such as `tenant.paused`; null when nothing blocks.'),
  until: z.iso.datetime().nullable().describe('null when nobody knows.'),
  remedy: remedySchema.nullable().describe('The call that would unblock.'),
  detail: z.string().nullable().describe('The text of the error behind it; null when there is none, or when it is hidden.'),
  data_hidden: dataHidden,
})

export const actorExplanation = z.strictObject({ ...explanation.shape, node: z.string() })

export const tenantExplanation = z.strictObject({
  ...explanation.shape,
  also: z.array(explanation).describe('What else is worth knowing, the most important first.'),
  missing_nodes: missingNodes,
})

export const messageExplanation = z.strictObject({
  ...explanation.shape,
  standing: z.enum(messageStandings),
  position: z
    .strictObject({
      ahead: count.describe('Messages before it: in the queue, and with the nodes that have fetched them and not begun.'),
      at_most: z.boolean().describe('Only a bound is known.'),
    })
    .nullable(),
  expected_at: z.iso
    .datetime()
    .nullable()
    .describe('When it will be run, as far as the present rate tells; null when nobody knows, as while its tenant is stopped.'),
  missing_nodes: missingNodes,
})
