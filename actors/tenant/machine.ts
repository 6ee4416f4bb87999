/**
 * A tenant: owns its queue, its consumer and its workers, and converges to its desired state.
 *
 * The desired state is a level, not an edge: states look at `context.desired` with `always`, so it does not matter how
 * often, how late or in what order it arrives. Expected faults (a lost channel, a broker or database that is away) are
 * states with a way out. No message and no payload ever comes here.
 */
import { and, assign } from 'xstate'
import { planWorkers } from './plan-workers.ts'
import { tenantSetup } from './setup.ts'

const toConsumer = (type: 'consumer.start' | 'consumer.pause' | 'consumer.drain' | 'consumer.close' | 'mailbox.open') =>
  tenantSetup.sendTo('consumer', { type })

const adopt = { actions: ['adoptDesired', 'applyConfig'] } as const

export const tenantMachine = tenantSetup.createMachine({
  id: 'tenant',
  context: ({ input }) => ({
    tenantId: input.desired.id,
    desired: input.desired,
    policy: input.policy,
    goal: 'serve',
    workers: {},
    servedGeneration: input.desired.restartGeneration,
    attachedAtMs: 0,
    emptied: false,
    crashes: [],
    attempt: 0,
    retryDelayMs: 0,
    verdict: 'retry',
    reason: input.quarantine ?? null,
    failureCode: input.quarantine === undefined ? null : 'actor.crashed',
  }),
  output: ({ context }) => ({ tenantId: context.tenantId }),
  on: {
    'tenant.desire': { actions: ['adoptDesired', 'applyConfig'] },
    'tenant.end': { actions: 'endSoon' },
    'tenant.vanish': { actions: 'vanishSoon' },
  },
  initial: 'deciding',
  states: {
    // Where every detour comes back to: what is wanted now?
    deciding: {
      always: [
        { guard: 'ending', target: 'ended' },
        { guard: 'wantsDiscarded', target: 'deleting' },
        { guard: ({ context }) => context.attachedAtMs === 0 && context.reason !== null, target: 'quarantined' },
        { target: 'provisioning' },
      ],
    },
    provisioning: {
      entry: 'serveGeneration',
      invoke: {
        src: 'provision',
        input: ({ context }) => ({ tenantId: context.tenantId }),
        onDone: 'attached',
        onError: {
          target: 'failing',
          actions: { type: 'noteFailure', params: ({ event }) => ({ kind: 'provisioning', error: event.error }) },
        },
      },
      always: { guard: 'ending', target: 'ended' },
    },

    attached: {
      // The session first: workers look for its mailbox when they start.
      entry: ['noteAttached', 'openSession', 'adjustWorkers'],
      exit: 'stopWorkers',
      invoke: [
        {
          id: 'consumer',
          src: 'consumer',
          input: ({ context }) => ({ tenantId: context.tenantId }),
          onError: {
            target: 'failing',
            actions: { type: 'noteFailure', params: ({ event }) => ({ kind: 'crash', error: event.error }) },
          },
        },
        {
          id: 'deadLetters',
          src: 'deadLetters',
          input: ({ context }) => ({ tenantId: context.tenantId }),
          onError: {
            target: 'failing',
            actions: { type: 'noteFailure', params: ({ event }) => ({ kind: 'crash', error: event.error }) },
          },
        },
      ],
      on: {
        'consumer.lost': {
          target: 'failing',
          actions: { type: 'noteFailure', params: ({ event: { reason, code } }) => ({ kind: 'lost', reason, ...(code && { code }) }) },
        },
        'partition.missing': {
          target: 'failing',
          actions: { type: 'noteFailure', params: { kind: 'lost', reason: 'the partition is missing', code: 'partition.missing' } },
        },
        'xstate.done.actor.*': [
          { guard: ({ event }) => event.output.crashed !== undefined, actions: 'replaceWorker' },
          { actions: 'removeWorker' },
        ],
        'xstate.error.actor.*': { guard: ({ event }) => event.actorId.startsWith('worker:'), actions: 'replaceWorker' },
        'worker.respawn': {
          guard: 'holdsCrashed',
          actions: ['removeWorker', 'noteRespawn', { type: 'noteReason', params: { reason: null } }, 'adjustWorkers'],
        },
        // The node's deadline: wherever the attachment is, its handlers are told and the channel closes.
        'tenant.abort': { target: '.detaching', actions: 'abortHandlers' },
      },
      always: { guard: 'budgetSpent', target: 'failing' },
      initial: 'opening',
      states: {
        opening: {
          on: { 'consumer.opened': 'serving' },
          always: { guard: 'ending', target: 'detaching' },
          after: {
            openLimit: {
              target: '#tenant.failing',
              actions: { type: 'noteFailure', params: { kind: 'lost', reason: 'the consumer did not open in time' } },
            },
          },
        },
        serving: {
          type: 'parallel',
          always: [
            { guard: 'vanishing', target: 'detaching' },
            { guard: 'ending', target: 'draining' },
            { guard: 'wantsRestart', target: 'draining' },
            { guard: 'wantsDiscarded', target: 'draining' },
            { guard: 'wantsDeleted', target: 'emptying' },
            { guard: 'wantsDrained', target: 'emptying' },
          ],
          states: {
            activity: {
              initial: 'deciding',
              states: {
                deciding: {
                  always: [
                    { guard: 'wantsPaused', target: 'paused' },
                    { guard: 'ledgerStalled', target: 'stalled' },
                    { target: 'running' },
                  ],
                },
                running: {
                  entry: toConsumer('consumer.start'),
                  always: { guard: 'wantsPaused', target: 'paused' },
                  on: { 'ledger.stalled': 'stalled' },
                },
                paused: {
                  entry: ['shutMailbox', toConsumer('consumer.pause')],
                  always: { guard: 'wantsRunning', target: 'deciding' },
                },
                // Deliveries that have arrived are kept, so that a database outage is no requeue storm.
                stalled: {
                  entry: ['shutMailbox', { type: 'noteReason', params: { reason: 'the database is away' } }],
                  exit: { type: 'noteReason', params: { reason: null } },
                  always: { guard: 'wantsPaused', target: 'paused' },
                  on: { 'ledger.resumed': 'running' },
                },
              },
            },
            sizing: {
              initial: 'steady',
              states: {
                steady: { always: { guard: 'wantsResize', target: 'resizing' } },
                resizing: {
                  entry: 'adjustWorkers',
                  always: { guard: ({ context }) => planWorkers(context.workers, context.desired.workers).settled, target: 'steady' },
                  on: { 'tenant.desire': { target: 'resizing', reenter: true, actions: ['adoptDesired', 'applyConfig'] } },
                },
              },
            },
          },
        },
        // Working the queue off, because the tenant is to stop or to go; publishing is refused meanwhile.
        emptying: {
          entry: toConsumer('consumer.start'),
          invoke: { src: 'watchQueue', input: ({ context }) => ({ tenantId: context.tenantId }) },
          always: [
            { guard: 'vanishing', target: 'detaching' },
            { guard: 'ending', target: 'draining' },
            { guard: 'wantsDiscarded', target: 'draining' },
            { guard: 'wantsServing', target: 'serving' },
          ],
          on: {
            'queue.emptied': { target: 'draining', actions: 'noteEmptied' },
            'tenant.desire': [
              { guard: 'toldToDelete', target: 'emptying', reenter: true, actions: ['adoptDesired', 'applyConfig', 'adjustWorkers'] },
              { actions: ['adoptDesired', 'applyConfig', 'adjustWorkers'] },
            ],
            'ledger.stalled': { actions: 'shutMailbox' },
            'ledger.resumed': { actions: toConsumer('mailbox.open') },
          },
          after: { deletionDeadline: { guard: 'wantsDeleted', target: 'draining', actions: 'noteEmptied' } },
        },
        // What has arrived is finished and acknowledged; nothing new comes.
        draining: {
          entry: toConsumer('consumer.drain'),
          on: {
            'session.settled': 'detaching',
            'tenant.desire': [
              { guard: 'toldToDelete', target: 'draining', reenter: true, actions: ['adoptDesired', 'applyConfig'] },
              adopt,
            ],
            'ledger.stalled': { actions: 'shutMailbox' },
            'ledger.resumed': { actions: toConsumer('mailbox.open') },
          },
          always: { guard: 'vanishing', target: 'detaching' },
          after: { finishLimit: { guard: 'wantsDeleted', target: 'detaching', actions: 'abortHandlers' } },
        },
        detaching: {
          entry: toConsumer('consumer.close'),
          on: { 'consumer.closed': 'detached', 'consumer.lost': 'detached', 'tenant.abort': {} },
          after: { closeLimit: 'detached' },
        },
        detached: { type: 'final' },
      },
      onDone: [
        { guard: 'ending', target: 'ended' },
        { guard: 'wantsDiscarded', target: 'deleting' },
        { guard: and(['wantsDeleted', 'hasEmptied']), target: 'deleting' },
        { guard: and(['wantsDrained', 'hasEmptied']), target: 'stopped' },
        { target: 'provisioning' },
      ],
    },

    failing: {
      entry: 'logFailure',
      always: [{ guard: 'ending', target: 'ended' }, { guard: 'budgetSpent', target: 'quarantined' }, { target: 'backingOff' }],
    },
    backingOff: {
      always: [
        { guard: 'ending', target: 'ended' },
        { guard: 'wantsDiscarded', target: 'deleting' },
        { guard: 'wantsRestart', target: 'provisioning' },
      ],
      on: {
        'broker.up': 'provisioning',
        'tenant.desire': [{ guard: 'toldToDelete', target: 'backingOff', reenter: true, actions: ['adoptDesired', 'applyConfig'] }, adopt],
      },
      after: { retryDelay: 'provisioning', deletionDeadline: { guard: 'wantsDeleted', target: 'deleting' } },
    },
    quarantined: {
      entry: 'logQuarantine',
      always: [
        { guard: 'ending', target: 'ended' },
        { guard: 'wantsDiscarded', target: 'deleting' },
        { guard: 'wantsRestart', target: 'pardoned' },
      ],
      on: {
        'tenant.desire': [{ guard: 'toldToDelete', target: 'quarantined', reenter: true, actions: ['adoptDesired', 'applyConfig'] }, adopt],
      },
      after: { probation: 'pardoned', deletionDeadline: { guard: 'wantsDeleted', target: 'deleting' } },
    },
    pardoned: { entry: [assign({ verdict: 'retry' }), 'clearCrashes'], always: 'provisioning' },
    // Drained on request; resumes when it is wanted again.
    stopped: {
      always: [
        { guard: 'ending', target: 'ended' },
        { guard: 'wantsDeleted', target: 'deleting' },
        { guard: 'wantsServing', target: 'provisioning' },
      ],
    },

    deleting: {
      always: { guard: 'ending', target: 'ended' },
      initial: 'purging',
      states: {
        purging: {
          invoke: {
            src: 'purge',
            input: ({ context }) => ({ tenantId: context.tenantId }),
            onDone: [{ guard: ({ event }) => event.output === 'purged', target: '#tenant.deleted' }, { target: 'waiting' }],
            onError: {
              target: 'waiting',
              actions: { type: 'noteReason', params: ({ event }) => ({ reason: `deleting: ${String(event.error)}` }) },
            },
          },
        },
        waiting: { after: { purgeRetry: 'purging' } },
      },
    },
    deleted: { type: 'final' },
    ended: { type: 'final' },
  },
})
