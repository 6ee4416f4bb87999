/** What a machine is made of, read from the machine itself: for the API, and for docs/state-machines.md. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { descriptions, inlineGuards, machines } from '../../../actors/index.ts'
import type { ActorKind, MachineDefinition, StateDefinition, TransitionDefinition } from '../../core/ports/inspection.ts'

let known: readonly MachineDefinition[] | undefined

/** From the root of the actors to their leaves; the same each time. */
export function listMachines(): readonly MachineDefinition[] {
  known ??= machines.map((machine) => ({ ...readState(machine, machine.root), name: machine.id as ActorKind }))
  return known
}

/** null for a kind whose actors have no states. */
export const machineOf = (kind: ActorKind): MachineDefinition | null => listMachines().find(({ name }) => name === kind) ?? null

/** The states of a machine in their order, each before its inner ones; without the root. */
export function listStates(node: AnyStateNode): readonly AnyStateNode[] {
  return Object.values(node.states).flatMap((child: AnyStateNode) => [child, ...listStates(child)])
}

/** A state by its names from the outside in, such as `attached.opening`; empty for the root. */
export const pathOf = (node: AnyStateNode): string => node.path.join('.')

// Errors: throws for a guard without a name and without words, and for an action it cannot name; a test reads every machine.
function readState(machine: AnyStateMachine, node: AnyStateNode): StateDefinition {
  const path = pathOf(node)
  const words = descriptions[machine.id]
  const initial: AnyStateNode | undefined = node.type === 'compound' ? node.initial.target?.[0] : undefined
  const entry = node.entry.filter(isWritten).map(nameAction)
  const exit = node.exit.filter(isWritten).map(nameAction)
  const invoke = node.invoke.map(({ src }) => nameSource(src))
  const states: readonly AnyStateNode[] = Object.values(node.states)
  return {
    path,
    key: node.key,
    type: node.type === 'history' ? 'atomic' : node.type,
    description: (path === '' ? words?.machine : words?.states[path]) ?? '',
    ...(initial && { initial: initial.key }),
    ...(entry.length > 0 && { entry }),
    ...(exit.length > 0 && { exit }),
    ...(invoke.length > 0 && { invoke }),
    transitions: listTransitions(node).map((transition) => readTransition(machine, node, transition)),
    states: states.map((child) => readState(machine, child)),
  }
}

const listTransitions = (node: AnyStateNode): readonly AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
]

function readTransition(machine: AnyStateMachine, node: AnyStateNode, transition: AnyTransitionDefinition): TransitionDefinition {
  const on = nameEvent(node, transition.eventType)
  const state = pathOf(node)
  const target = transition.target?.map((each: AnyStateNode) => pathOf(each)).join(', ')
  const guard = transition.guard === undefined ? undefined : nameGuard(transition.guard, `${machine.id} ${state} → ${target ?? on}`)
  const actions = transition.actions.map(nameAction)
  return {
    on,
    ...(guard !== undefined && { guard }),
    ...(target !== undefined && { target }),
    ...(transition.reenter === true && target === state && { reenter: true }),
    ...(actions.length > 0 && { actions }),
  }
}

function nameEvent(node: AnyStateNode, type: string): string {
  if (type === '') return 'always'
  if (type.startsWith('xstate.done.state.')) return 'done'
  const [, ending, actor] = /^xstate\.(done|error)\.actor\.(.*)$/.exec(type) ?? []
  if (ending) return `${ending} ${nameSource(node.invoke.find(({ id }) => id === actor)?.src ?? actor)}`
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(type) ?? []
  return delay ? `after ${delay}` : type
}

function nameGuard(guard: unknown, place: string): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type)
  if (typeof guard === 'function' && 'guards' in guard && Array.isArray(guard.guards)) {
    return guard.guards.map((each) => nameGuard(each, place)).join(' and ')
  }
  const words = inlineGuards[place]
  if (words === undefined) throw new Error(`actors/descriptions.ts: inlineGuards has no words for "${place}"`)
  return words
}

// Timers are actions that XState adds to the states that have `after`.
const isWritten = (action: unknown): boolean =>
  !(typeof action === 'function' && 'type' in action && (action.type === 'xstate.raise' || action.type === 'xstate.cancel'))

function nameAction(action: unknown): string {
  if (typeof action === 'string') return action
  if (typeof action === 'object' && action !== null && 'type' in action) return String(action.type)
  if (typeof action !== 'function') throw new Error(`an action that cannot be named: ${String(action)}`)
  const parts: Readonly<Record<string, unknown>> = { ...action }
  if (parts.type === 'xstate.assign') return `notes ${Object.keys(parts.assignment ?? {}).join(', ')}`
  const { event } = parts
  if (parts.type === 'xstate.sendTo' && typeof event === 'object' && event !== null && 'type' in event) {
    return `tells ${String(parts.to)} ${String(event.type)}`
  }
  throw new Error(`an action that cannot be named: ${String(parts.type ?? action)}`)
}

function nameSource(source: unknown): string {
  if (typeof source !== 'string') throw new Error('an invoked actor has no name')
  return source
}
