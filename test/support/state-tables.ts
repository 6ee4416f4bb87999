/**
 * Writes docs/state-machines.md from the machines themselves: `node test/support/state-tables.ts --write`.
 * Without `--write` it prints the document.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AnyStateMachine } from 'xstate'
import { descriptions } from '../../actors/index.ts'
import { listStates, machines, pathOf } from './machines.ts'
import { drawMachine } from './state-diagram.ts'
import { readRows } from './state-rows.ts'
import { introduction } from './state-sentences.ts'

export const documentPath = join(import.meta.dirname, '../../docs/state-machines.md')

/** Errors: throws when a state has no sentence, or a sentence no state. */
export function renderDocument(): string {
  const contents = machines.map(({ id }) => `- [${id}](#${id.toLowerCase()})`).join('\n')
  return `${[introduction, contents, ...machines.map(renderMachine)].join('\n\n')}\n`
}

function renderMachine(machine: AnyStateMachine): string {
  const words = descriptions[machine.id]
  if (!words) throw new Error(`actors/descriptions.ts: no sentences for the machine ${machine.id}`)
  const states = listStates(machine.root).map(pathOf)
  const unknown = Object.keys(words.states).filter((state) => !states.includes(state))
  if (unknown.length > 0) throw new Error(`actors/descriptions.ts: the machine ${machine.id} has no state ${unknown.join(', ')}`)
  const meanings = states.map((state) => {
    const sentence = words.states[state]
    if (!sentence) throw new Error(`actors/descriptions.ts: no sentence for ${machine.id} ${state}`)
    return [`\`${state}\``, sentence]
  })
  const rows = readRows(machine).map(({ state, on, guard, target, again, actions }) => [
    state === '' ? '(everywhere)' : `\`${state}\``,
    guard === '' ? on : `${on} [${guard}]`,
    target === undefined ? '' : `\`${target}\`${again ? ' (again)' : ''}`,
    actions.join(', '),
  ])
  return [
    `## ${machine.id}`,
    words.machine,
    `\`\`\`mermaid\n${drawMachine(machine)}\n\`\`\``,
    toTable(['state', 'meaning'], meanings),
    toTable(['state', 'event [guard]', 'target', 'actions'], rows),
  ].join('\n\n')
}

const toTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

if (import.meta.main) {
  if (process.argv.includes('--write')) await writeFile(documentPath, renderDocument())
  else process.stdout.write(renderDocument())
}
