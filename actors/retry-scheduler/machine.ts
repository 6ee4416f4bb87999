/**
 * The retry scheduler: puts failed and scheduled messages back in their queues when they are due.
 *
 * It sleeps until the next one is due, wakes earlier when it is told of an earlier one, and holds nothing: what it has
 * claimed is in the database under a lease, so that a node that dies gives it up, and nodes share the work.
 */
import { assign, type CallbackActorLogic, type PromiseActorLogic, setup } from 'xstate'
import { type BackoffPolicy, computeBackoffMs } from '../../src/core/backoff.ts'
import { errorText } from '../../src/core/errors.ts'

export type RetrySchedulerEvent =
  /** Something is due at this time that was not known before. */
  { type: 'retry.due'; atMs: number } | { type: 'broker.up' } | { type: 'broker.down' }

/** What a look at the due messages has found. The messages themselves stay with the shell. */
export interface Claimed {
  readonly count: number
  /** There are more, which had to wait for their turn. */
  readonly more: boolean
  /** When the next one is due; undefined when none waits. */
  readonly nextDueAtMs: number | undefined
  /** Since when the message has been due that was due longest; undefined when nothing was. */
  readonly dueSinceMs: number | undefined
  /** How long it took. */
  readonly tookMs: number
}

export interface RetrySchedulerInput {
  readonly backoff: BackoffPolicy
}

export interface RetrySchedulerContext extends RetrySchedulerInput {
  readonly wakeAtMs: number
  /** Since when the oldest message has been due that the last look found, if it has left some; infinite when it has not. */
  readonly dueSinceMs: number
  /** Until the next look at least. */
  readonly spacingMs: number
  readonly attempt: number
  readonly reason: string | null
}

/** Looks are at least so far apart: what becomes due in between is taken together. */
export const leastSpacingMs = 50
/** Looks take a tenth of the time at most, however many tenants have something waiting. */
const spacingOf = ({ tookMs }: Claimed): number => Math.min(2_000, Math.max(leastSpacingMs, tookMs * 10))
/** A tenant that has its share of retries in its queue is looked at again after so long, or when one of them is done. */
const moreMs = 1_000
/** The longest sleep: a message whose note from another node was lost waits no longer. */
const longestSleepMs = 10_000

export const retrySchedulerMachine = setup({
  types: {
    context: {} as RetrySchedulerContext,
    input: {} as RetrySchedulerInput,
    events: {} as RetrySchedulerEvent,
  },
  actors: {
    watchDue: {} as CallbackActorLogic<{ type: 'watch.stop' }>,
    claim: {} as PromiseActorLogic<Claimed>,
    republish: {} as PromiseActorLogic<void>,
  },
  actions: {
    wakeAt: assign({ wakeAtMs: (_, { atMs }: { atMs: number }) => atMs }),
    noteLook: assign({
      spacingMs: (_, { claimed }: { claimed: Claimed }) => spacingOf(claimed),
      dueSinceMs: (_, { claimed }: { claimed: Claimed }) => toDueSinceMs(claimed),
    }),
    wakeBy: assign({ wakeAtMs: ({ context }, { atMs }: { atMs: number }) => Math.min(context.wakeAtMs, atMs) }),
    noteFailure: assign({
      attempt: ({ context }) => context.attempt + 1,
      reason: (_, { error }: { error: unknown }) => errorText(error),
    }),
    clearFailures: assign({ attempt: 0, reason: null }),
    logFailure: () => {},
  },
  guards: { foundSome: (_, { count }: { count: number }) => count > 0 },
  delays: {
    untilDue: ({ context }) => Math.min(longestSleepMs, Math.max(context.spacingMs, context.wakeAtMs - Date.now())),
    backoff: ({ context }) => computeBackoffMs(context.attempt, context.backoff),
  },
}).createMachine({
  id: 'retryScheduler',
  context: ({ input }) => ({
    ...input,
    wakeAtMs: 0,
    dueSinceMs: Number.POSITIVE_INFINITY,
    spacingMs: leastSpacingMs,
    attempt: 0,
    reason: null,
  }),
  invoke: { src: 'watchDue', onError: '.backingOff' },
  on: {
    'broker.down': '.parked',
    'retry.due': { actions: { type: 'wakeBy', params: ({ event }) => ({ atMs: event.atMs }) } },
  },
  initial: 'parked',
  states: {
    // Without a broker nothing can go back to its queue.
    parked: { on: { 'broker.up': 'claiming' } },
    waiting: {
      on: {
        'retry.due': {
          guard: ({ context, event }) => event.atMs < context.wakeAtMs,
          target: 'waiting',
          reenter: true,
          actions: { type: 'wakeAt', params: ({ event }) => ({ atMs: event.atMs }) },
        },
      },
      after: { untilDue: 'claiming' },
    },
    claiming: {
      // What is told of from here on may have come after the look.
      entry: { type: 'wakeAt', params: { atMs: Number.POSITIVE_INFINITY } },
      invoke: {
        src: 'claim',
        onDone: [
          {
            guard: { type: 'foundSome', params: ({ event }) => event.output },
            target: 'republishing',
            actions: [
              { type: 'noteLook', params: ({ event }) => ({ claimed: event.output }) },
              { type: 'wakeBy', params: ({ event }) => ({ atMs: toWakeAtMs(event.output) }) },
            ],
          },
          {
            target: 'waiting',
            actions: [
              'clearFailures',
              { type: 'noteLook', params: ({ event }) => ({ claimed: event.output }) },
              { type: 'wakeBy', params: ({ event }) => ({ atMs: toWakeAtMs(event.output) }) },
            ],
          },
        ],
        onError: 'failing',
      },
    },
    republishing: {
      invoke: { src: 'republish', onDone: { target: 'waiting', actions: 'clearFailures' }, onError: 'failing' },
    },
    failing: {
      entry: [{ type: 'noteFailure', params: ({ event }) => ({ error: 'error' in event ? event.error : 'unknown' }) }, 'logFailure'],
      always: 'backingOff',
    },
    backingOff: { after: { backoff: 'claiming' } },
  },
})

/** When to look next. A look that found some, and has left some, is followed by another at once. */
export function toWakeAtMs({ count, more, nextDueAtMs }: Claimed, nowMs: number = Date.now()): number {
  const moreAtMs = more ? nowMs + (count > 0 ? 0 : moreMs) : Number.POSITIVE_INFINITY
  return Math.min(moreAtMs, nextDueAtMs ?? Number.POSITIVE_INFINITY)
}

const toDueSinceMs = ({ more, dueSinceMs = Number.POSITIVE_INFINITY }: Claimed): number => (more ? dueSinceMs : Number.POSITIVE_INFINITY)
