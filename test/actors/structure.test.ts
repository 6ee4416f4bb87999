import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { listStates, machines, pathOf } from '../support/machines.ts'
import { documentPath, renderDocument } from '../support/state-tables.ts'

/** Invoked actors whose crash is meant for the parent's supervisor, with the reason. */
const escalating: Readonly<Record<string, string>> = {
  'tenant attached.emptying watchQueue': 'a bug in the watcher crashes the tenant, which its supervisor restarts',
  'worker busy deliveryLoop': 'reports what it catches; a bug beyond that crashes the worker, which its tenant restarts',
}

const nodesOf = (machine: AnyStateMachine): readonly AnyStateNode[] => [machine.root, ...listStates(machine.root)]
const transitionsOf = (node: AnyStateNode): readonly AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
]

/** The names in a guard or an action: of combined guards all of them, of functions none. */
function namesIn(reference: unknown): readonly string[] {
  if (typeof reference === 'string') return [reference]
  if (typeof reference === 'function')
    return 'guards' in reference && Array.isArray(reference.guards) ? reference.guards.flatMap(namesIn) : []
  return typeof reference === 'object' && reference !== null && 'type' in reference ? [String(reference.type)] : []
}

for (const machine of machines) {
  describe(`the definition of ${machine.id}`, () => {
    it('answers the crash of every actor it invokes, unless that is meant for its supervisor', () => {
      for (const node of nodesOf(machine)) {
        for (const { id, src } of node.invoke) {
          const isAnswered = node.transitions.has(`xstate.error.actor.${id}`)
          const escalates = escalating[`${machine.id} ${pathOf(node)} ${src}`] !== undefined
          expect(isAnswered !== escalates, `${pathOf(node)} invokes ${src}`).to.equal(true)
        }
      }
    })

    it('catches the crashes of children by wildcard only where they are sorted out', () => {
      for (const node of nodesOf(machine)) {
        for (const { guard } of node.transitions.get('xstate.error.actor.*') ?? []) {
          expect(guard !== undefined || machine.id === 'supervisor', pathOf(node)).to.equal(true)
        }
        expect(node.transitions.has('*'), `${pathOf(node)} catches every event, also crashes`).to.equal(false)
        expect(node.transitions.has('xstate.error.*'), pathOf(node)).to.equal(false)
      }
    })

    it('has a way out of every state that is not final', () => {
      const outside = (node: AnyStateNode | undefined): boolean => {
        if (!node) return false
        // What a state's own parent hears leads out of it too.
        const leads = transitionsOf(node).some(({ target }) => target?.some((each: AnyStateNode) => each !== node) === true)
        return leads || outside(node.parent)
      }
      const isRoot = machine.id === 'brokerLink' || machine.id === 'reconciler' || machine.id === 'ledger'
      for (const node of listStates(machine.root)) {
        if (node.type === 'final') expect(transitionsOf(node)).to.deep.equal([])
        else expect(outside(node) || (isRoot && node.parent === machine.root && node.type === 'compound'), pathOf(node)).to.equal(true)
      }
    })

    it('reaches every state from its first one', () => {
      const reached = new Set<AnyStateNode>()
      const enter = (node: AnyStateNode): void => {
        if (reached.has(node)) return
        reached.add(node)
        if (node.parent) enter(node.parent)
        const inner: readonly AnyStateNode[] = node.type === 'parallel' ? Object.values(node.states) : (node.initial?.target ?? [])
        for (const child of inner) enter(child)
        for (const { target } of transitionsOf(node)) for (const each of target ?? []) enter(each)
      }
      enter(machine.root)
      expect(
        listStates(machine.root)
          .filter((node) => !reached.has(node))
          .map(pathOf),
      ).to.deep.equal([])
    })

    it('names only guards, actions, actors and delays that exist', () => {
      const { guards, actions, actors, delays } = machine.implementations
      for (const node of nodesOf(machine)) {
        const transitions = transitionsOf(node)
        for (const name of transitions.flatMap(({ guard }) => namesIn(guard))) expect(guards, pathOf(node)).to.have.property(name)
        const performed = [...node.entry, ...node.exit, ...transitions.flatMap((transition) => transition.actions)]
        for (const name of performed.flatMap(namesIn)) expect(actions, pathOf(node)).to.have.property(name)
        for (const { src } of node.invoke) expect(actors, pathOf(node)).to.have.property(String(src))
        for (const { delay } of node.after) if (typeof delay === 'string') expect(delays, pathOf(node)).to.have.property(delay)
      }
    })

    it('uses every guard, action and delay that it has', () => {
      const transitions = nodesOf(machine).flatMap(transitionsOf)
      const performed = nodesOf(machine).flatMap((node) => [...node.entry, ...node.exit])
      const used = new Set([
        ...transitions.flatMap(({ guard, actions }) => [...namesIn(guard), ...actions.flatMap(namesIn)]),
        ...performed.flatMap(namesIn),
      ])
      const delays = new Set(nodesOf(machine).flatMap((node) => node.after.map(({ delay }) => String(delay))))
      const { implementations } = machine
      expect(
        [...Object.keys(implementations.guards), ...Object.keys(implementations.actions)].filter((name) => !used.has(name)),
      ).to.deep.equal([])
      expect(Object.keys(implementations.delays).filter((name) => !delays.has(name))).to.deep.equal([])
    })
  })
}

describe('docs/state-machines.md', () => {
  it('is what the machines say; `node test/support/state-tables.ts --write` writes it anew', async () => {
    expect((await readFile(documentPath, 'utf8')) === renderDocument(), 'out of date').to.equal(true)
  })
})
