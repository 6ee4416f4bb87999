/** The figures of one tenant, over all nodes that run it. */
import type { Sessions } from '../../actors/index.ts'
import { AppError } from '../core/errors.ts'
import { readTenantId, type TenantId } from '../core/ids.ts'
import type { Broker } from '../core/ports/broker.ts'
import type { CircuitView, TenantStats } from '../core/ports/engine-api.ts'
import type { Peers } from '../core/ports/peers.ts'
import type { Nodes, TenantReport, TenantStore } from '../core/ports/tenant-store.ts'
import { isAmount, isCount, toFields } from './inspection/json-fields.ts'
import type { TenantViews } from './tenant-views.ts'

export interface TenantStatsServices {
  readonly sessions: Pick<Sessions, 'find' | 'meterOf'>
  readonly tenants: Pick<TenantStore, 'find'>
  readonly broker: Pick<Broker, 'depth'>
  readonly nodes: Pick<Nodes, 'reportsOf'>
  readonly peers: Pick<Peers, 'ask' | 'answer'>
  readonly views: Pick<TenantViews, 'runtimeOf'>
}

/** What one node has of a tenant's work. */
interface Share {
  readonly inFlight: number
  readonly busy: number
  readonly ratePerSecond: number
  readonly p50: number | null
  readonly p99: number | null
}

const topic = 'stats'

export function createTenantStats({ sessions, tenants, broker, nodes, peers, views }: TenantStatsServices) {
  const shareHere = (id: TenantId): Share => {
    const session = sessions.find(id)
    const meter = sessions.meterOf(id)
    const nowMs = Date.now()
    return {
      inFlight: session?.inFlight ?? 0,
      busy: session?.running.size ?? 0,
      ratePerSecond: meter?.ratePerSecond(nowMs) ?? 0,
      p50: meter?.latencyMs(0.5, nowMs) ?? null,
      p99: meter?.latencyMs(0.99, nowMs) ?? null,
    }
  }
  const stopAnswering = peers.answer(topic, (asked) => {
    const id = typeof asked === 'string' ? readTenantId(asked) : undefined
    return id === undefined ? null : shareHere(id)
  })

  /** A node that does not answer counts with what it last reported. */
  const shares = async (id: TenantId, reports: readonly (TenantReport & { readonly nodeId: string })[]): Promise<readonly Share[]> => {
    const { answers, missing } = await peers.ask(topic, id)
    const reported = reports.filter(({ nodeId }) => missing.includes(nodeId))
    return [
      shareHere(id),
      ...answers.flatMap(({ answer }) => readShare(answer) ?? []),
      ...reported.map(({ inFlight, busyWorkers }) => ({ inFlight, busy: busyWorkers, ratePerSecond: 0, p50: null, p99: null })),
    ]
  }

  return {
    /**
     * Sums over the nodes; latencies are those of the node that did the most in the last minute.
     *
     * Errors: AppError `tenant.missing`, `database.unavailable`, the broker's.
     */
    async read(id: TenantId): Promise<TenantStats> {
      const tenant = await tenants.find(id)
      if (!tenant) throw new AppError('tenant.missing', `there is no tenant ${id}`, { scope: 'tenant' })
      const [depth, runtime, reports] = await Promise.all([broker.depth(id), views.runtimeOf(id), nodes.reportsOf([id])])
      const all = await shares(id, reports)
      const sum = (of: (share: Share) => number): number => all.reduce((total, share) => total + of(share), 0)
      const busiest = all.reduce((most, share) => (share.ratePerSecond > most.ratePerSecond ? share : most))
      const inFlight = sum((share) => share.inFlight)
      return {
        queue: { ...depth, unacked: depth.unacked ?? inFlight },
        inFlight,
        ratePerSecond1m: sum((share) => share.ratePerSecond),
        latencyMs: { p50: busiest.p50, p99: busiest.p99 },
        workers: { desired: tenant.workers, current: runtime.currentWorkers, busy: sum((share) => share.busy) },
        state: runtime.state,
        circuits: toCircuitViews(reports),
      }
    },
    /** Answers other nodes no more. Tolerates twice. */
    close: stopAnswering,
  }
}

function readShare(value: unknown): Share | undefined {
  const { inFlight, busy, ratePerSecond, p50, p99 } = toFields(value)
  if (!isCount(inFlight) || !isCount(busy) || !isAmount(ratePerSecond)) return undefined
  return { inFlight, busy, ratePerSecond, p50: isAmount(p50) ? p50 : null, p99: isAmount(p99) ? p99 : null }
}

/** Of several nodes' circuits for a destination the one that lasts longest. */
function toCircuitViews(reports: readonly TenantReport[]): readonly CircuitView[] {
  const views = new Map<string, CircuitView>()
  for (const { destination, state, untilMs, reason } of reports.flatMap(({ circuits }) => circuits)) {
    const other = views.get(destination)
    if (!other || other.until.getTime() < untilMs) views.set(destination, { destination, state, until: new Date(untilMs), reason })
  }
  return [...views.values()]
}
