/** The engine's state as its metrics show it: what is known at this moment, so that nobody who reads them waits. */
import type { Snapshot } from 'xstate'
import { isStalled, type Sessions, toLinkCondition } from '../../actors/index.ts'
import type { Readiness, TenantState } from '../core/ports/engine-api.ts'
import type { EngineMetrics, EngineSample, Sampler } from '../core/ports/metrics.ts'
import type { QueueDepths } from './queue-depths.ts'
import { createRetryLag } from './retry-lag.ts'
import type { StatusBoard } from './status-board.ts'
import { readTenantLoads } from './tenant-loads.ts'
import { createWhileRead } from './while-read.ts'

export interface MetricSample {
  readonly sample: Sampler
  /** This node has begun to drain. */
  draining(deadlineMs: number): void
  /** No more looks at queues and database. */
  stop(): void
}

type MachineSnapshot = Snapshot<unknown> & { matches(value: string | object): boolean }

export interface MetricSampleSources {
  readonly board: StatusBoard
  readonly sessions: Sessions
  readonly depths: QueueDepths
  readonly metrics: Pick<EngineMetrics, 'tenantQuarantined' | 'tenantDraining'>
  /** The snapshots of the root's children, by name; undefined before they are there. */
  readonly childOf: (name: 'brokerLink' | 'ledger' | 'retryScheduler') => MachineSnapshot | undefined
  readonly readiness: () => Promise<Readiness>
  readonly runsTenants: boolean
  /** How many tenants are shown by themselves; 0 for none. */
  readonly topTenants: number
}

/** Every state, so that a series is there before a tenant is in it. `unassigned` is what a tenant without a node is in. */
const noTenants: Readonly<Record<Exclude<TenantState, 'unassigned'>, number>> = {
  provisioning: 0,
  attaching: 0,
  running: 0,
  paused: 0,
  stalled: 0,
  draining: 0,
  detaching: 0,
  stopped: 0,
  backing_off: 0,
  quarantined: 0,
  deleting: 0,
  deleted: 0,
}

export function createMetricSample(sources: MetricSampleSources): MetricSample {
  const { board, childOf, depths, topTenants, runsTenants } = sources
  const health = createHealth(sources.readiness)
  const lagOf = createRetryLag()
  let drainBegan: { readonly atMs: number; readonly deadlineSeconds: number } | undefined
  countTurns(sources)

  return {
    sample({ tenants }) {
      const brokerLink = childOf('brokerLink')
      const link = brokerLink && toLinkCondition(brokerLink)
      const ledger = childOf('ledger')
      return {
        ...health.read(),
        brokerUp: link === 'up' || link === 'blocked',
        brokerBlocked: link === 'blocked',
        ledgerStalled: ledger !== undefined && isStalled(ledger),
        retryLagSeconds: lagOf(childOf('retryScheduler')),
        drain: {
          seconds: drainBegan === undefined ? 0 : (performance.now() - drainBegan.atMs) / 1000,
          deadlineSeconds: drainBegan?.deadlineSeconds ?? 0,
        },
        ...(runsTenants ? sampleTenants(sources) : {}),
        ...(runsTenants && tenants && topTenants > 0 ? { loads: readTenantLoads(sources, topTenants) } : {}),
      }
    },
    draining(deadlineMs) {
      drainBegan ??= { atMs: performance.now(), deadlineSeconds: deadlineMs / 1000 }
    },
    stop() {
      health.stop()
      depths.stop()
    },
  }

  function sampleTenants({ sessions }: MetricSampleSources): EngineSample {
    const tenants: Record<string, number> = { ...noTenants }
    let workers = 0
    for (const [, status] of board.entries()) {
      tenants[status.state] = (tenants[status.state] ?? 0) + 1
      workers += status.currentWorkers
    }
    let inFlightMessages = 0
    let busy = 0
    let waitingInMailboxes = 0
    for (const session of sessions.all()) {
      inFlightMessages += session.inFlight
      busy += session.running.size
      waitingInMailboxes += session.mailbox.size
    }
    const { ready, ageSeconds } = depths.read()
    return {
      tenants,
      workers: { idle: Math.max(0, workers - busy), busy },
      inFlightMessages,
      // What has arrived waits to be handled, is being handled, or waits for its commit.
      ledgerWaitingMessages: Math.max(0, inFlightMessages - waitingInMailboxes - busy),
      queueReadyMessages: ready,
      queueDepthAgeSeconds: ageSeconds,
    }
  }
}

/** Counts the tenants that come into a state that matters to operators. */
function countTurns({ board, metrics }: Pick<MetricSampleSources, 'board' | 'metrics'>): void {
  const states = new Map<string, TenantState>()
  board.subscribe((tenantId, status) => {
    const before = states.get(tenantId)
    if (status === undefined) states.delete(tenantId)
    else states.set(tenantId, status.state)
    if (status === undefined || status.state === before) return
    if (status.state === 'quarantined') metrics.tenantQuarantined()
    if (status.state === 'draining') metrics.tenantDraining()
  })
}

const healthEveryMs = 5_000
/** Older than that it says nothing about now. */
const healthLastsMs = 15_000

function createHealth(readiness: MetricSampleSources['readiness']) {
  let known: { readonly ready: boolean; readonly databaseUp: boolean; readonly atMs: number } | undefined
  const rounds = createWhileRead({
    everyMs: healthEveryMs,
    work: async () => {
      try {
        const { ready, checks } = await readiness()
        known = { ready, databaseUp: checks.database?.ok === true, atMs: performance.now() }
      } catch {
        known = undefined
      }
    },
  })
  return {
    read(): EngineSample {
      rounds.read()
      if (known === undefined || performance.now() - known.atMs > healthLastsMs) return {}
      return { ready: known.ready, databaseUp: known.databaseUp }
    },
    stop: rounds.stop,
  }
}
