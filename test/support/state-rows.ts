/** Reads a machine's definition into rows of text: what each state hears, where that leads, and what is done. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { listStates, pathOf } from './machines.ts'
import { inlineGuards } from './state-sentences.ts'

export interface StateRow {
  readonly machine: string
  /** Empty for what holds in every state. */
  readonly state: string
  readonly on: string
  readonly guard: string
  /** Undefined when the state stays. */
  readonly target: string | undefined
  /** True when the state is left and entered anew. */
  readonly again: boolean
  readonly actions: readonly string[]
}

/** Errors: throws for a guard without a name that the sentences do not describe, and for an action it cannot name. */
export function readRows(machine: AnyStateMachine): readonly StateRow[] {
  return [machine.root, ...listStates(machine.root)].flatMap((node) => [...readInner(machine, node), ...readTransitions(machine, node)])
}

function readInner(machine: AnyStateMachine, node: AnyStateNode): readonly StateRow[] {
  const row = { machine: machine.id, state: pathOf(node), guard: '', target: undefined, again: false }
  const rows: StateRow[] = []
  const entry = node.entry.filter(isWritten).map(describeAction)
  const exit = node.exit.filter(isWritten).map(describeAction)
  if (entry.length > 0) rows.push({ ...row, on: 'entry', actions: entry })
  for (const invoke of node.invoke) rows.push({ ...row, on: 'while here', actions: [`runs ${describeSource(invoke.src)}`] })
  if (exit.length > 0) rows.push({ ...row, on: 'exit', actions: exit })
  return rows
}

// Timers are actions that XState adds to the states that have \`after\`.
const isWritten = (action: unknown): boolean =>
  !(typeof action === 'function' && 'type' in action && (action.type === 'xstate.raise' || action.type === 'xstate.cancel'))

function readTransitions(machine: AnyStateMachine, node: AnyStateNode): readonly StateRow[] {
  const transitions: readonly AnyTransitionDefinition[] = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  return transitions.map((transition) => {
    const on = describeEvent(machine, node, transition.eventType)
    const target = transition.target?.map((each: AnyStateNode) => pathOf(each)).join(', ')
    const state = pathOf(node)
    const guard = describeGuard(transition.guard, `${machine.id} ${state} → ${target ?? on}`)
    const again = transition.reenter === true && target === state
    const actions = transition.actions.map(describeAction)
    return { machine: machine.id, state, on, guard, target, again, actions }
  })
}

function describeEvent(machine: AnyStateMachine, node: AnyStateNode, type: string): string {
  if (type === '') return 'at once'
  if (type.startsWith('xstate.done.state.')) return 'its inner states have ended'
  if (type === 'xstate.done.actor.*') return 'a child has ended'
  if (type === 'xstate.error.actor.*') return 'a child has crashed'
  const [, ending, actor] = /^xstate\.(done|error)\.actor\.(.*)$/.exec(type) ?? []
  if (ending) {
    const invoke = node.invoke.find(({ id }) => id === actor)
    return `${describeSource(invoke?.src ?? actor)} ${ending === 'done' ? 'is done' : 'fails'}`
  }
  const [, delay] = /^xstate\.after\.([^.]+)\./.exec(type) ?? []
  if (!delay) return type
  const ms: unknown = machine.implementations.delays[delay]
  return `after ${delay}${typeof ms === 'number' ? ` (${ms.toLocaleString('en')} ms)` : ''}`
}

function describeGuard(guard: unknown, place: string): string {
  if (guard === undefined) return ''
  if (typeof guard === 'string') return guard
  if (typeof guard === 'object' && guard !== null && 'type' in guard) return String(guard.type)
  if (typeof guard === 'function' && 'guards' in guard && Array.isArray(guard.guards)) {
    return guard.guards.map((each) => describeGuard(each, place)).join(' and ')
  }
  const words = inlineGuards[place]
  if (words === undefined) throw new Error(`state-sentences.ts: inlineGuards has no words for "${place}"`)
  return words
}

function describeAction(action: unknown): string {
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

const describeSource = (source: unknown): string => {
  if (typeof source !== 'string') throw new Error('an invoked actor has no name')
  return source
}
