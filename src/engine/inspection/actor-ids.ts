/** Who an actor is: its id on this node, its kind, its tenant. All of it follows from the tree, so nothing is kept. */
import type { AnyActorRef } from 'xstate'
import { machines, toTenantId } from '../../../actors/index.ts'
import type { TenantId } from '../../core/ids.ts'
import type { ActorKind } from '../../core/ports/inspection.ts'

/**
 * `tenantManager`, `supervisor:12`, `brokerLink`, `tenant:<uuid>`; below these with a dot: `tenant:<uuid>.worker:3.loop`.
 *
 * Errors: none; total.
 */
export function idOf(ref: AnyActorRef): string {
  const parent = parentOf(ref)
  return parent && !areChildrenUnderOwnName(kindOf(parent)) ? `${idOf(parent)}.${nameOf(ref)}` : nameOf(ref)
}

/** Under these, children have ids that are unique on their node. */
const areChildrenUnderOwnName = (kind: ActorKind): boolean => kind === 'tenantManager' || kind === 'supervisor'

/** Its name among its siblings. One that XState has named after a state (`0.tenant.provisioning`) has the name of what it does: `provision`. */
export function nameOf(ref: AnyActorRef): string {
  return typeof ref.src === 'string' && /^\d+\./.test(ref.id) ? ref.src : ref.id
}

const kinds: ReadonlyMap<unknown, ActorKind> = new Map<string, ActorKind>([
  ...machines.map(({ id }) => [id, id as ActorKind] as const),
  ['consumer', 'consumer'],
  ['deadLetters', 'deadLetters'],
])

/** What has no states and no name of its own is a `task`. Errors: none; total. */
export function kindOf(ref: AnyActorRef): ActorKind {
  const logic: unknown = Reflect.get(ref, 'logic')
  // A machine says its name; plain code has the one under which its parent knows it.
  const name = typeof logic === 'object' && logic !== null && 'root' in logic ? Reflect.get(logic, 'id') : ref.src
  return kinds.get(name) ?? 'task'
}

const machineKinds: ReadonlySet<string> = new Set(machines.map(({ id }) => id))

/** True for the kinds whose actors have states. */
export const isMachineKind = (kind: ActorKind): boolean => machineKinds.has(kind)

/** The tenant whose actor it is, or is below. Errors: none; total. */
export function tenantIdOf(ref: AnyActorRef): TenantId | null {
  for (let each: AnyActorRef | undefined = ref; each; each = parentOf(each)) {
    if (kindOf(each) === 'tenant') return toTenantId(each.id)
  }
  return null
}

export const parentOf = (ref: AnyActorRef): AnyActorRef | undefined => ref._parent
