/** A machine as the API shows it. */
import type { z } from 'zod'
import type { MachineDefinition, StateDefinition } from '../../../core/ports/inspection.ts'
import type { machineDefinition, stateDefinition } from '../../schemas/machine.ts'

export const toMachineBody = (machine: MachineDefinition): z.output<typeof machineDefinition> => ({
  name: machine.name,
  ...toStateBody(machine),
})

function toStateBody(state: StateDefinition): z.output<typeof stateDefinition> {
  const { path, key, type, description, initial, entry, exit, invoke, transitions, states } = state
  return {
    ...{ path, key, type, description },
    ...(initial === undefined ? {} : { initial }),
    ...(entry ? { entry: [...entry] } : {}),
    ...(exit ? { exit: [...exit] } : {}),
    ...(invoke ? { invoke: [...invoke] } : {}),
    transitions: transitions.map(({ on, guard, target, reenter, actions }) => ({
      on,
      ...(guard === undefined ? {} : { guard }),
      ...(target === undefined ? {} : { target }),
      ...(reenter ? { reenter } : {}),
      ...(actions ? { actions: [...actions] } : {}),
    })),
    states: states.map(toStateBody),
  }
}
