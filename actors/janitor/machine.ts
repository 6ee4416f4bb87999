/** The janitor: now and then brings back retries whose queue has lost them, and removes what is older than its tenant keeps it. */
import { type PromiseActorLogic, setup } from 'xstate'

export interface JanitorInput {
  readonly intervalMs: number
}

export const janitorMachine = setup({
  types: {
    context: {} as JanitorInput,
    input: {} as JanitorInput,
  },
  actors: { clean: {} as PromiseActorLogic<void> },
  actions: { logFailure: () => {} },
  // Nodes that were started together do not clean together.
  delays: { interval: ({ context }) => context.intervalMs * (0.9 + Math.random() * 0.2) },
}).createMachine({
  id: 'janitor',
  context: ({ input }) => input,
  initial: 'resting',
  states: {
    resting: { after: { interval: 'cleaning' } },
    cleaning: { invoke: { src: 'clean', onDone: 'resting', onError: { target: 'resting', actions: 'logFailure' } } },
  },
})
