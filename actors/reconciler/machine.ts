/** The reconciler: reads desired state on a timer (everything) and on a hint (one tenant), and passes it on. */
import { assign, type CallbackActorLogic, type PromiseActorLogic, raise, sendTo, setup } from 'xstate'
import type { TenantId } from '../../src/core/ids.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { ParentRef } from '../parent.ts'

/** What was read: everything, or the tenants that were hinted at, of which the missing ones are gone. */
export type Reading =
  | { readonly kind: 'all'; readonly tenants: readonly DesiredTenant[] }
  | { readonly kind: 'some'; readonly tenants: readonly DesiredTenant[]; readonly missing: readonly TenantId[] }

export type ReconcilerReport = { type: 'desired.read'; reading: Reading }

export type ReconcilerEvent =
  | { type: 'hint.received'; tenantId: TenantId }
  /** Read everything now. */
  | { type: 'reconciler.now' }
  | { type: 'reconciler.tick' }

export interface ReconcilerInput {
  readonly parent: ParentRef<ReconcilerReport>
  readonly intervalMs: number
}

/** What to read next. */
export interface Wanted {
  readonly hinted: readonly TenantId[]
  readonly all: boolean
}

export interface ReconcilerContext extends ReconcilerInput, Wanted {
  /** What is being read, or was read last. */
  readonly taken: Wanted
}

export const reconcilerMachine = setup({
  types: {
    context: {} as ReconcilerContext,
    input: {} as ReconcilerInput,
    events: {} as ReconcilerEvent,
  },
  actors: {
    watchHints: {} as CallbackActorLogic<{ type: 'watch.stop' }>,
    readDesired: {} as PromiseActorLogic<Reading, Wanted>,
  },
  actions: {
    noteHint: assign({
      hinted: ({ context }, { tenantId }: { tenantId: TenantId }) =>
        context.hinted.includes(tenantId) ? context.hinted : [...context.hinted, tenantId],
    }),
    wantAll: assign({ all: true }),
    startTimer: raise({ type: 'reconciler.tick' }, { delay: ({ context }) => context.intervalMs, id: 'tick' }),
    report: sendTo(
      ({ context }) => context.parent,
      (_, { reading }: { reading: Reading }) => ({ type: 'desired.read', reading }) as const,
    ),
    logFailure: () => {},
    // A failed reading may have lost hints: the next one reads everything.
    startOver: assign({ hinted: [], all: true }),
    // What is hinted at while we read waits for the next reading.
    take: assign(({ context: { hinted, all } }) => ({ taken: { hinted, all }, hinted: [], all: false })),
  },
  guards: { hasWork: ({ context }) => context.all || context.hinted.length > 0 },
  delays: { retry: 500 },
}).createMachine({
  id: 'reconciler',
  context: ({ input }) => ({ ...input, hinted: [], all: true, taken: { hinted: [], all: true } }),
  invoke: { src: 'watchHints', onError: { target: '.waiting', actions: 'startOver' } },
  // A timer of its own: hints that keep coming must not put the reading of everything off.
  entry: 'startTimer',
  on: {
    'reconciler.tick': { actions: ['wantAll', 'startTimer'] },
    'hint.received': { actions: { type: 'noteHint', params: ({ event }) => ({ tenantId: event.tenantId }) } },
    'reconciler.now': { actions: 'wantAll' },
  },
  initial: 'waiting',
  states: {
    waiting: { always: { guard: 'hasWork', target: 'reading' } },
    reading: {
      entry: 'take',
      invoke: {
        src: 'readDesired',
        input: ({ context }) => context.taken,
        onDone: { target: 'waiting', actions: { type: 'report', params: ({ event }) => ({ reading: event.output }) } },
        onError: { target: 'retrying', actions: ['startOver', 'logFailure'] },
      },
    },
    retrying: { after: { retry: 'waiting' } },
  },
})
