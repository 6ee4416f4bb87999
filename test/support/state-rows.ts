/** Puts a machine's definition into rows of text: what each state hears, where that leads, and what is done. */
import type { AnyStateMachine } from 'xstate'
import type { StateDefinition } from '../../src/core/ports/inspection.ts'
import { listMachines } from '../../src/engine/inspection/definitions.ts'

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

export function readRows(machine: AnyStateMachine): readonly StateRow[] {
  const definition = listMachines().find(({ name }) => name === machine.id)
  return definition ? listStates(definition).flatMap((state) => [...readInner(machine, state), ...readTransitions(machine, state)]) : []
}

const listStates = (state: StateDefinition): readonly StateDefinition[] => [state, ...state.states.flatMap(listStates)]

function readInner(machine: AnyStateMachine, { path, entry, exit, invoke = [] }: StateDefinition): readonly StateRow[] {
  const row = { machine: machine.id, state: path, guard: '', target: undefined, again: false }
  return [
    ...(entry ? [{ ...row, on: 'entry', actions: entry }] : []),
    ...invoke.map((src) => ({ ...row, on: 'while here', actions: [`runs ${src}`] })),
    ...(exit ? [{ ...row, on: 'exit', actions: exit }] : []),
  ]
}

const readTransitions = (machine: AnyStateMachine, { path, transitions }: StateDefinition): readonly StateRow[] =>
  transitions.map(({ on, guard = '', target, reenter = false, actions = [] }) => ({
    machine: machine.id,
    state: path,
    on: describeEvent(machine, on),
    guard,
    target,
    again: reenter,
    actions,
  }))

function describeEvent(machine: AnyStateMachine, on: string): string {
  const [how, what] = on.split(' ')
  if (on === 'always') return 'at once'
  if (on === 'done') return 'its inner states have ended'
  if (on === 'done *') return 'a child has ended'
  if (on === 'error *') return 'a child has crashed'
  if (what === undefined) return on
  if (how === 'done') return `${what} is done`
  if (how === 'error') return `${what} fails`
  const ms: unknown = machine.implementations.delays[what]
  return `after ${what}${typeof ms === 'number' ? ` (${ms.toLocaleString('en')} ms)` : ''}`
}
