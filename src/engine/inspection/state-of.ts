/** An actor's state in one word. */
import type { StateValue } from 'xstate'
import { toTenantState } from '../../../actors/index.ts'
import type { ActorKind } from '../../core/ports/inspection.ts'

/**
 * A tenant's state as its API names it; of other machines the active states from the outside in (`up.clear`); for an actor
 * without states, and for one that has crashed, its status (`active`, `done`, `error`, `stopped`).
 *
 * Errors: none; total.
 */
export function stateOf(snapshot: unknown, kind: ActorKind): string {
  if (typeof snapshot !== 'object' || snapshot === null) return 'active'
  const { status, value }: { status?: unknown; value?: unknown } = snapshot
  return status === 'error' || !isStateValue(value) ? String(status ?? 'active') : stateOfValue(value, kind)
}

/** The same of a state value alone. */
export const stateOfValue = (value: StateValue, kind: ActorKind): string => (kind === 'tenant' ? toTenantState(value) : toPath(value))

/** Dots between a state and its inner one; `+` between states that are in force at the same time. */
function toPath(value: StateValue): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([name, inner]) => (inner === undefined ? name : `${name}.${toPath(inner)}`))
    .join('+')
}

const isStateValue = (value: unknown): value is StateValue => typeof value === 'string' || (typeof value === 'object' && value !== null)
