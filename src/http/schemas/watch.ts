/** Parameters and events of the stream that tells what happens to actors. */
import { z } from 'zod'
import { count, tenantIdText, wholeNumber } from './common.ts'
import { actorKind, maxNameLength } from './inspection.ts'

export const watchQuery = z.strictObject({
  tenant_id: tenantIdText.optional().describe('That tenant’s actor and what is below it.'),
  actor_id: z.string().min(1).max(maxNameLength).optional().describe('That actor and what is below it.'),
  kind: actorKind.optional().describe('Actors of this kind. Tasks are told of only to who asks for them, or for one of them by its id.'),
  max_per_second: wholeNumber(1, 1000).default(100).describe('More changes in a second are summed up.'),
  last_event_id: z.string().min(1).max(100).optional().describe('As the header `Last-Event-ID`, which is stronger.'),
})

export const actorChange = z.strictObject({
  kind: z.enum(['spawned', 'transition', 'stopped', 'crashed']),
  at: z.iso.datetime().describe('By the clock of its node.'),
  node: z.string(),
  actor_id: z.string(),
  actor_kind: actorKind,
  tenant_id: z.uuid().nullable(),
  event: z.string().describe('The type of the event that it took.'),
  from: z.string().nullable().describe('null for the first state.'),
  to: z.string(),
})

export const watchSummary = z.strictObject({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  total: count.describe('Changes that were not told one by one.'),
  counts: z
    .array(z.strictObject({ actor_kind: actorKind, from: z.string().nullable(), to: z.string(), count }))
    .describe('Of each kind of change, the 50 most frequent ones.'),
})
