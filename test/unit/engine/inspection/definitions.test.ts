import { expect } from 'chai'
import type { StateDefinition } from '../../../../src/core/ports/inspection.ts'
import { listMachines } from '../../../../src/engine/inspection/definitions.ts'
import { listStates, machines, pathOf } from '../../../support/machines.ts'

const flatten = (state: StateDefinition): readonly StateDefinition[] => [state, ...state.states.flatMap(flatten)]

describe('the definitions of the machines', () => {
  for (const machine of machines) {
    it(`of ${machine.id} have every state, each with a sentence, and lead only to states that there are`, () => {
      const definition = listMachines().find(({ name }) => name === machine.id)
      const states = definition ? flatten(definition) : []
      const paths = states.map(({ path }) => path)
      expect(paths).to.deep.equal(['', ...listStates(machine.root).map(pathOf)])
      for (const { path, description, transitions, type, initial, states: inner } of states) {
        expect(description, path).to.match(/\.$/)
        expect(type === 'compound', path).to.equal(initial !== undefined)
        if (initial !== undefined) expect(inner.map(({ key }) => key)).to.include(initial)
        for (const { target } of transitions) if (target !== undefined) expect(paths).to.include(target)
      }
      expect(JSON.parse(JSON.stringify(definition))).to.deep.equal(definition)
    })
  }

  it('say what an arrow waits for, asks and does', () => {
    const tenant = listMachines().find(({ name }) => name === 'tenant')
    const arrowsOf = (path: string) => (tenant ? flatten(tenant) : []).find((state) => state.path === path)?.transitions
    expect(arrowsOf('provisioning')).to.deep.equal([
      { on: 'done provision', target: 'attached' },
      { on: 'error provision', target: 'failing', actions: ['noteFailure'] },
      { on: 'always', guard: 'ending', target: 'ended' },
    ])
    expect(arrowsOf('attached')).to.deep.include({ on: 'done', guard: 'wantsDeleted and hasEmptied', target: 'deleting' })
    expect(arrowsOf('attached')).to.deep.include({ on: 'error *', guard: 'it is a worker', actions: ['replaceWorker'] })
    expect(arrowsOf('backingOff')).to.deep.include({ on: 'after retryDelay', target: 'provisioning' })
    expect(arrowsOf('attached.serving.sizing.resizing')).to.deep.include({
      ...{ on: 'tenant.desire', target: 'attached.serving.sizing.resizing', reenter: true, actions: ['adoptDesired', 'applyConfig'] },
    })
  })
})
