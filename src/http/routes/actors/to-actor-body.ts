/** An actor as the API shows it. */
import type { z } from 'zod'
import type { Principal } from '../../../auth/index.ts'
import type { ActorDetail, ActorEntry } from '../../../core/ports/inspection.ts'
import type { actorEntry, actorSnapshot } from '../../schemas/inspection.ts'
import { conceal, type Eyes } from './conceal.ts'
import { visibleParent } from './visible-actor.ts'

export const toEntryBody = (principal: Principal, actor: ActorEntry): z.output<typeof actorEntry> => ({
  id: actor.id,
  kind: actor.kind,
  state: actor.state,
  parent: visibleParent(principal, actor),
  since: actor.since.toISOString(),
  node: actor.node,
  tenant_id: actor.tenantId,
})

/** As it is on one node. */
export const toSnapshotBody = (principal: Principal, actor: ActorDetail, eyes: Eyes): z.output<typeof actorSnapshot> => ({
  ...toEntryBody(principal, actor),
  value: actor.value ?? null,
  context: conceal(actor.context, eyes) ?? null,
  allowed_events: [...actor.allowedEvents],
  transitions: actor.transitions.map(({ at, event, from, to }) => ({ at: at.toISOString(), event, from, to })),
  children: actor.children.map((child) => toEntryBody(principal, child)),
})
