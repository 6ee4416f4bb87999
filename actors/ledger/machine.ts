/** The ledger's life: `up`, or `stalled` while the database is away, probing until it answers. */
import { assign, type CallbackActorLogic, type PromiseActorLogic, sendTo, setup } from 'xstate'
import { type BackoffPolicy, computeBackoffMs } from '../../src/core/backoff.ts'
import type { ParentRef } from '../parent.ts'

export type LedgerReport = { type: 'ledger.stalled'; reason: string } | { type: 'ledger.resumed' }

export type LedgerEvent = { type: 'commit.failed'; reason: string }

export interface LedgerInput {
  readonly parent: ParentRef<LedgerReport>
  readonly backoff: BackoffPolicy
}

export interface LedgerContext extends LedgerInput {
  readonly attempt: number
  readonly reason: string | null
}

export const ledgerMachine = setup({
  types: {
    context: {} as LedgerContext,
    input: {} as LedgerInput,
    events: {} as LedgerEvent,
  },
  actors: {
    watchCommitter: {} as CallbackActorLogic<{ type: 'watch.stop' }>,
    probe: {} as PromiseActorLogic<void>,
  },
  actions: {
    noteStall: assign({ reason: (_, { reason }: { reason: string }) => reason }),
    noteAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    reportStalled: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: 'ledger.stalled', reason: context.reason ?? 'the database is away' }) as const,
    ),
    reportResumed: sendTo(({ context }) => context.parent, { type: 'ledger.resumed' }),
    resumeCommitter: () => {},
    clearReason: assign({ reason: null }),
    trustAgain: assign({ attempt: 0 }),
  },
  delays: { steady: 30_000, backoff: ({ context }) => computeBackoffMs(context.attempt, context.backoff) },
}).createMachine({
  id: 'ledger',
  context: ({ input }) => ({ ...input, attempt: 0, reason: null }),
  invoke: { src: 'watchCommitter', onError: { target: '.stalled' } },
  initial: 'up',
  states: {
    up: {
      // A database that answers probes and takes no writes is tried ever more rarely; one that has held is trusted again.
      after: { steady: { actions: 'trustAgain' } },
      on: { 'commit.failed': { target: 'stalled', actions: { type: 'noteStall', params: ({ event }) => ({ reason: event.reason }) } } },
    },
    stalled: {
      entry: 'reportStalled',
      initial: 'waiting',
      states: {
        waiting: { entry: 'noteAttempt', after: { backoff: 'probing' } },
        probing: { invoke: { src: 'probe', onDone: '#ledger.resuming', onError: 'waiting' } },
      },
    },
    // The committer first: tenants that hear of it find a ledger that takes their outcomes.
    resuming: { entry: ['clearReason', 'resumeCommitter', 'reportResumed'], always: 'up' },
  },
})
