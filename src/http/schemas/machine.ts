/** Machines as the API shows them to whoever draws them. */
import { z } from 'zod'
import { listOf, listParameters } from './common.ts'

const transitionDefinition = z.strictObject({
  on: z.string().describe('An event’s type, or `always`, `after <delay>`, `done <actor>`, `error <actor>`.'),
  guard: z.string().optional(),
  target: z.string().optional().describe('The path of a state; absent when the state stays.'),
  reenter: z.literal(true).optional(),
  actions: z.array(z.string()).optional(),
})

export const stateDefinition = z.strictObject({
  path: z.string().describe('From the outside in, with dots; empty for the machine itself.'),
  key: z.string(),
  type: z.enum(['atomic', 'compound', 'parallel', 'final']),
  description: z.string(),
  initial: z.string().optional(),
  entry: z.array(z.string()).optional(),
  exit: z.array(z.string()).optional(),
  invoke: z.array(z.string()).optional().describe('What runs while the state lasts.'),
  transitions: z.array(transitionDefinition),
  get states() {
    return z.array(stateDefinition)
  },
})

export const machineDefinition = z.strictObject({
  name: z.string().describe('The kind of its actors.'),
  ...stateDefinition.shape,
  // An array of its own: one that two schemas share would be a third one in the document.
  states: z.array(stateDefinition),
})

export const machinesQuery = z.strictObject(listParameters)

export const machineList = listOf(z.strictObject({ name: z.string(), description: z.string() }))
