/** Draws a machine as a Mermaid state diagram. */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { pathOf } from './machines.ts'
import { readRows, type StateRow } from './state-rows.ts'

/** Arrows that a diagram cannot show (from a state into itself, or from everywhere) are in the table only. */
export function drawMachine(machine: AnyStateMachine): string {
  const lines = ['stateDiagram-v2', ...drawInner(machine.root, '  '), ...drawArrows(readRows(machine))]
  return lines.join('\n')
}

function drawInner(node: AnyStateNode, indent: string): readonly string[] {
  const children: readonly AnyStateNode[] = Object.values(node.states)
  if (node.type === 'parallel') {
    return children.flatMap((child, index) => [...(index > 0 ? [`${indent}--`] : []), ...drawState(child, indent)])
  }
  const first = node.initial?.target?.[0]
  return [...(first ? [`${indent}[*] --> ${toId(pathOf(first))}`] : []), ...children.flatMap((child) => drawState(child, indent))]
}

function drawState(node: AnyStateNode, indent: string): readonly string[] {
  const id = toId(pathOf(node))
  if (node.type === 'final') return [`${indent}state "${node.key}" as ${id}`, `${indent}${id} --> [*]`]
  if (Object.keys(node.states).length === 0) return [`${indent}state "${node.key}" as ${id}`]
  return [`${indent}state "${node.key}" as ${id} {`, ...drawInner(node, `${indent}  `), `${indent}}`]
}

function drawArrows(rows: readonly StateRow[]): readonly string[] {
  const labels = new Map<string, string[]>()
  for (const { state, on, guard, target } of rows) {
    if (target === undefined || state === '' || target === state || target.startsWith(`${state}.`)) continue
    const arrow = `${toId(state)} --> ${toId(target)}`
    labels.set(arrow, [...(labels.get(arrow) ?? []), toLabel(on, guard)])
  }
  return [...labels].map(([arrow, all]) => `  ${arrow} : ${all.join('<br/>')}`)
}

const toLabel = (on: string, guard: string): string => {
  const event = on.replace(/ \(.*\)$/, '')
  if (guard === '') return event
  return on === 'at once' ? `[${guard}]` : `${event} [${guard}]`
}

const toId = (path: string): string => path.replaceAll('.', '_')
