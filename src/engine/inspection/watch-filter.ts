/** Where an actor stands, and whether a watcher wants to hear of it. */
import type { AnyActorRef } from 'xstate'
import type { TenantId } from '../../core/ids.ts'
import type { ActorKind, WatchFilter } from '../../core/ports/inspection.ts'
import { idOf, kindOf, parentOf, tenantIdOf } from './actor-ids.ts'

export interface Place {
  readonly id: string
  readonly kind: ActorKind
  readonly tenantId: TenantId | null
  /** The ids of what is above it, the nearest first. */
  readonly above: readonly string[]
}

const places = new WeakMap<AnyActorRef, Place>()

/** Read once of each actor: a place does not change. */
export function placeOf(ref: AnyActorRef): Place {
  const known = places.get(ref)
  if (known) return known
  const parent = parentOf(ref)
  const above = parent ? toAbove(placeOf(parent)) : []
  const place = { id: idOf(ref), kind: kindOf(ref), tenantId: tenantIdOf(ref), above }
  places.set(ref, place)
  return place
}

const toAbove = ({ id, above }: Place): readonly string[] => [id, ...above]

/** Tasks come and go with each piece of work: only who asks for them, or for one of them, is told. */
export function isWanted({ tenantId, actorId, actorKind }: WatchFilter, { id, kind, tenantId: of, above }: Place): boolean {
  if (tenantId !== undefined && tenantId !== of) return false
  if (actorKind === undefined ? kind === 'task' && id !== actorId : actorKind !== kind) return false
  return actorId === undefined || actorId === id || above.includes(actorId)
}

/** False when no task matches the filter. */
export const mayWantTasks = ({ actorId, actorKind }: WatchFilter): boolean =>
  actorKind === undefined ? actorId !== undefined : actorKind === 'task'

/** True when whatever `narrow` matches is matched by `wide`, as far as their fields tell. */
export const covers = (wide: WatchFilter, narrow: WatchFilter): boolean =>
  (wide.tenantId === undefined || wide.tenantId === narrow.tenantId) &&
  (wide.actorId === narrow.actorId || (wide.actorId === undefined && (wide.actorKind !== undefined || !mayWantTasks(narrow)))) &&
  (wide.actorKind === narrow.actorKind || (wide.actorKind === undefined && narrow.actorKind !== 'task'))

/** The same for filters that match the same. */
export const keyOf = ({ tenantId, actorId, actorKind }: WatchFilter): string =>
  JSON.stringify([tenantId ?? null, actorId ?? null, actorKind ?? null])
