/** A worker: takes deliveries from its tenant's mailbox and runs their handlers, one at a time. */
import { assign, sendTo, setup } from 'xstate'
import type { TenantId } from '../../src/core/ids.ts'
import type { DeliveryLoopLogic } from './logic.ts'

export interface WorkerInput {
  readonly tenantId: TenantId
  readonly index: number
}

export type WorkerEvent =
  | { type: 'worker.finish' }
  | { type: 'mailbox.ready' }
  | { type: 'loop.emptied' }
  | { type: 'loop.crashed'; reason: string }

export interface WorkerContext extends WorkerInput {
  readonly crashed: string | undefined
}

export interface WorkerOutput {
  readonly index: number
  /** undefined when the worker finished because it was asked to. */
  readonly crashed: string | undefined
}

export const workerMachine = setup({
  types: {
    context: {} as WorkerContext,
    input: {} as WorkerInput,
    events: {} as WorkerEvent,
    output: {} as WorkerOutput,
    children: {} as { loop: 'deliveryLoop' },
  },
  actors: { deliveryLoop: {} as DeliveryLoopLogic },
  actions: {
    // Looks again before it waits: a delivery may have come after the loop had found the mailbox empty.
    awaitWork: () => {},
    stopAwaitingWork: () => {},
    finishLoop: sendTo('loop', { type: 'loop.finish' }),
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({ ...input, crashed: undefined }),
  output: ({ context }) => ({ index: context.index, crashed: context.crashed }),
  initial: 'idle',
  states: {
    idle: {
      entry: 'awaitWork',
      exit: 'stopAwaitingWork',
      on: { 'mailbox.ready': 'busy', 'worker.finish': 'stopped' },
    },
    busy: {
      invoke: { id: 'loop', src: 'deliveryLoop', input: ({ context: { tenantId, index } }) => ({ tenantId, worker: index }) },
      on: { 'loop.crashed': { target: 'stopped', actions: assign({ crashed: ({ event }) => event.reason }) } },
      initial: 'working',
      states: {
        working: { on: { 'loop.emptied': '#worker.idle', 'worker.finish': 'finishing' } },
        finishing: { entry: 'finishLoop', on: { 'loop.emptied': '#worker.stopped' } },
      },
    },
    stopped: { type: 'final' },
  },
})
