/** The node's link to its broker: connecting → up (clear ⇄ blocked), and back through backingOff when it is lost. */
import { assign, type CallbackActorLogic, type PromiseActorLogic, sendTo, setup } from 'xstate'
import { type BackoffPolicy, computeBackoffMs } from '../../src/core/backoff.ts'
import { errorText } from '../../src/core/errors.ts'
import type { BrokerEvent } from '../../src/core/ports/broker.ts'
import type { ParentRef } from '../parent.ts'

/** Blocked: the broker takes no messages, and goes on delivering. */
export type BrokerLinkReport =
  | { type: 'broker.up' }
  | { type: 'broker.down'; reason: string }
  | { type: 'broker.blocked' }
  | { type: 'broker.unblocked' }

export interface BrokerLinkInput {
  readonly parent: ParentRef<BrokerLinkReport>
  readonly backoff: BackoffPolicy
}

export interface BrokerLinkContext extends BrokerLinkInput {
  readonly attempt: number
  readonly reason: string | null
}

export const brokerLinkMachine = setup({
  types: {
    context: {} as BrokerLinkContext,
    input: {} as BrokerLinkInput,
    events: {} as BrokerEvent,
  },
  actors: {
    connect: {} as PromiseActorLogic<void>,
    watchBroker: {} as CallbackActorLogic<{ type: 'watch.stop' }>,
  },
  actions: {
    noteFailure: assign({ attempt: ({ context }) => context.attempt + 1, reason: (_, { reason }: { reason: string }) => reason }),
    noteReason: assign({ reason: (_, { reason }: { reason: string }) => reason }),
    clearFailures: assign({ attempt: 0, reason: null }),
    reportUp: sendTo(({ context }) => context.parent, { type: 'broker.up' }),
    reportDown: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: 'broker.down', reason: context.reason ?? 'lost' }) as const,
    ),
    reportBlocked: sendTo(({ context }) => context.parent, { type: 'broker.blocked' }),
    reportUnblocked: sendTo(({ context }) => context.parent, { type: 'broker.unblocked' }),
    logUp: () => {},
    logDown: () => {},
  },
  delays: { backoff: ({ context }) => computeBackoffMs(context.attempt, context.backoff) },
}).createMachine({
  id: 'brokerLink',
  context: ({ input }) => ({ ...input, attempt: 0, reason: null }),
  invoke: { src: 'watchBroker', onError: '.backingOff' },
  initial: 'connecting',
  states: {
    connecting: {
      invoke: {
        src: 'connect',
        onDone: 'up',
        onError: {
          target: 'backingOff',
          actions: { type: 'noteFailure', params: ({ event }) => ({ reason: errorText(event.error) }) },
        },
      },
    },
    up: {
      entry: ['clearFailures', 'logUp', 'reportUp'],
      on: {
        'broker.lost': {
          target: 'backingOff',
          actions: [{ type: 'noteFailure', params: ({ event }) => ({ reason: event.reason }) }, 'reportDown'],
        },
      },
      initial: 'clear',
      states: {
        clear: {
          on: {
            'broker.blocked': { target: 'blocked', actions: { type: 'noteReason', params: ({ event }) => ({ reason: event.reason }) } },
          },
        },
        blocked: { entry: 'reportBlocked', on: { 'broker.unblocked': { target: 'clear', actions: 'reportUnblocked' } } },
      },
    },
    backingOff: { entry: 'logDown', after: { backoff: 'connecting' } },
  },
})
