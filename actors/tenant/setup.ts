/** What the tenant machine is made of: its types, guards, delays and actions. Structure is in machine.ts. */
import { assign, setup } from 'xstate'
import type { TenantId } from '../../src/core/ids.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { ConsumerLogic } from '../consumer/consumer.ts'
import type { DeadLettersLogic } from '../dead-letters/logic.ts'
import type { WorkerLogic } from '../worker/logic.ts'
import { readWorkerCrash, readWorkerIndex, type TenantEvent } from './events.ts'
import { decideFailure, type Failure, type FailureCode } from './failure.ts'
import { planWorkers, type WorkerPhase } from './plan-workers.ts'
import type { ProvisionLogic, PurgeLogic, WatchQueueLogic } from './provisioning.ts'
import type { RestartPolicy } from './restart-policy.ts'

export interface TenantInput {
  readonly desired: DesiredTenant
  readonly policy: RestartPolicy
  /** Set when the supervisor has given up restarting a crashing tenant actor. */
  readonly quarantine?: string
}

export interface TenantContext {
  readonly tenantId: TenantId
  readonly desired: DesiredTenant
  readonly policy: RestartPolicy
  /** `serve` the desired state, `end` with the node, or `vanish` with the row. */
  readonly goal: 'serve' | 'end' | 'vanish'
  readonly workers: Readonly<Record<number, WorkerPhase>>
  /** The restart request this attachment answers to. */
  readonly servedGeneration: number
  readonly attachedAtMs: number
  /** The queue was worked off, or its deadline has passed, during this attachment: a drained tenant may stop or go. */
  readonly emptied: boolean
  readonly crashes: readonly number[]
  readonly attempt: number
  readonly retryDelayMs: number
  readonly verdict: 'retry' | 'quarantine'
  /** Why the tenant is not what it should be; null when it is. */
  readonly reason: string | null
  /** What had failed last, once something has. */
  readonly failureCode: FailureCode | null
}

export interface TenantOutput {
  readonly tenantId: TenantId
}

const base = setup({
  types: {
    context: {} as TenantContext,
    input: {} as TenantInput,
    events: {} as TenantEvent,
    output: {} as TenantOutput,
  },
  actors: {
    provision: {} as ProvisionLogic,
    consumer: {} as ConsumerLogic,
    deadLetters: {} as DeadLettersLogic,
    worker: {} as WorkerLogic,
    watchQueue: {} as WatchQueueLogic,
    purge: {} as PurgeLogic,
  },
  guards: {
    ending: ({ context }) => context.goal !== 'serve',
    vanishing: ({ context }) => context.goal === 'vanish',
    wantsRunning: ({ context }) => context.desired.status === 'active',
    wantsPaused: ({ context }) => context.desired.status === 'paused',
    wantsDrained: ({ context }) => context.desired.status === 'drained',
    wantsServing: ({ context }) => context.desired.status === 'active' || context.desired.status === 'paused',
    wantsDeleted: ({ context }) => context.desired.status === 'deleting',
    wantsDiscarded: ({ context }) => context.desired.deletion?.mode === 'discard',
    // A deletion has a deadline, which a timer that runs already does not know.
    toldToDelete: ({ event }) => event.type === 'tenant.desire' && event.desired.status === 'deleting',
    hasEmptied: ({ context }) => context.emptied,
    wantsRestart: ({ context }) => context.desired.restartGeneration > context.servedGeneration,
    wantsResize: ({ context }) => !planWorkers(context.workers, context.desired.workers).settled,
    holdsCrashed: ({ context, event }) => event.type === 'worker.respawn' && context.workers[event.index] === 'crashed',
    budgetSpent: ({ context }) => context.verdict === 'quarantine',
    // The shell knows: the ledger's own state, since a tenant may attach in the middle of a stall.
    ledgerStalled: () => false,
  },
  delays: {
    retryDelay: ({ context }) => context.retryDelayMs,
    probation: ({ context }) => context.policy.probationMs,
    deletionDeadline: ({ context }) => toTimerMs((context.desired.deletion?.deadlineAtMs ?? Number.POSITIVE_INFINITY) - Date.now()),
    finishLimit: 10_000,
    closeLimit: 15_000,
    purgeRetry: 200,
    // After the channel's own deadlines: an attachment that reports nothing at all is given up.
    openLimit: 60_000,
  },
})

const adjustWorkers = base.enqueueActions(({ context, enqueue }) => {
  const plan = planWorkers(context.workers, context.desired.workers)
  for (const index of plan.spawn) {
    enqueue.spawnChild('worker', { id: `worker:${index}`, input: { tenantId: context.tenantId, index } })
  }
  for (const index of plan.finish) enqueue.sendTo(`worker:${index}`, { type: 'worker.finish' })
  enqueue.assign({ workers: plan.workers })
})

// A finished or crashed child stays among the children until it is stopped.
const removeWorker = base.enqueueActions(({ context, event, enqueue }) => {
  const index = readWorkerIndex(event)
  if (index === undefined) return
  enqueue.stopChild(`worker:${index}`)
  const { [index]: _removed, ...workers } = context.workers
  enqueue.assign({ workers })
})

const stopWorkers = base.enqueueActions(({ context, enqueue }) => {
  for (const index of Object.keys(context.workers)) {
    enqueue.stopChild(`worker:${index}`)
    enqueue.cancel(`respawn:${index}`)
  }
  enqueue.assign({ workers: {} })
})

const replaceWorker = base.enqueueActions(({ context, event, enqueue }) => {
  const index = readWorkerIndex(event)
  if (index === undefined) return
  const decided = decideFailure(context, { kind: 'crash', reason: readWorkerCrash(event) }, Date.now())
  enqueue.stopChild(`worker:${index}`)
  enqueue.assign({ ...decided, workers: { ...context.workers, [index]: 'crashed' } })
  enqueue.raise({ type: 'worker.respawn', index }, { delay: decided.retryDelayMs, id: `respawn:${index}` })
})

export const tenantSetup = base.extend({
  actions: {
    adoptDesired: assign(({ event, context }) => {
      if (event.type !== 'tenant.desire' || event.desired.version < context.desired.version) return {}
      return { desired: event.desired }
    }),
    endSoon: assign({ goal: 'end' }),
    vanishSoon: assign({ goal: 'vanish' }),
    noteFailure: assign(({ context }, failure: Failure) => decideFailure(context, failure, Date.now())),
    noteReason: assign((_, { reason }: { reason: string | null }) => ({ reason })),
    noteAttached: assign({ attachedAtMs: () => Date.now(), reason: null, failureCode: null, emptied: false }),
    noteEmptied: assign({ emptied: true }),
    serveGeneration: assign({ servedGeneration: ({ context }) => context.desired.restartGeneration }),
    clearCrashes: assign({ crashes: [], attempt: 0, reason: null, failureCode: null }),
    adjustWorkers,
    removeWorker,
    stopWorkers,
    replaceWorker,
    openSession: () => {},
    shutMailbox: () => {},
    applyConfig: () => {},
    abortHandlers: () => {},
    logFailure: () => {},
    logQuarantine: () => {},
    noteRespawn: () => {},
  },
})

/** The longest that a timer can wait; more would fire at once. */
const maxTimerMs = 2_147_483_647
const toTimerMs = (ms: number): number => Math.min(maxTimerMs, Math.max(0, ms))
