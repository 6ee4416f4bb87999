/** The sources of a metric sample, for a node with as many tenants as a test wants and nothing behind them. */
import type { Sessions, TenantStatusReport } from '../../../actors/index.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { QueueDepth } from '../../../src/core/ports/broker.ts'
import type { TenantState } from '../../../src/core/ports/engine-api.ts'
import { createMetricSample } from '../../../src/engine/metric-sample.ts'
import { createQueueDepths } from '../../../src/engine/queue-depths.ts'
import { createStatusBoard } from '../../../src/engine/status-board.ts'
import { createMetrics } from '../../../src/observability/metrics.ts'

export const prefetch = 300

export const toTenant = (number: number): TenantId => `018f3c1e-7b7a-7c3e-9a55-${String(number).padStart(12, '0')}` as TenantId

/** Every third tenant is paused, every fifth has its hands full, tenant n settles n messages a second. */
export function createSyntheticNode(count: number, { topTenants = 10, runsTenants = true } = {}) {
  const board = createStatusBoard()
  const held = new Map<TenantId, { inFlight: number; running: Set<number>; mailbox: { size: number } }>()
  const rates = new Map<TenantId, number>()
  const asked: TenantId[] = []
  const time = { nowMs: 1_000_000 }
  const node = {
    board,
    asked,
    time,
    isBrokerUp: true,
    /** How long a look takes. */
    lookMs: 0,
    ready: new Map<TenantId, number | Error>(),
    setState(id: TenantId, state: TenantState) {
      board.set(id, { state, reason: null, currentWorkers: 3, settled: true, version: 1 } satisfies TenantStatusReport)
    },
    hold: (id: TenantId, inFlight: number) => void held.set(id, { inFlight, running: new Set([1, 2]), mailbox: { size: inFlight - 5 } }),
  }
  const sessions = {
    all: () => held.values(),
    find: (id: TenantId) => held.get(id),
    meterOf: (id: TenantId) => ({ ratePerSecond: () => rates.get(id) ?? 0 }),
  } as unknown as Sessions
  for (let number = 1; number <= count; number++) {
    const id = toTenant(number)
    node.setState(id, number % 3 === 0 ? 'paused' : 'running')
    if (number % 5 === 0) node.hold(id, prefetch)
    rates.set(id, number)
  }
  const depths = createQueueDepths({
    board,
    sessions,
    prefetch,
    isBrokerUp: () => node.isBrokerUp,
    nowMs: () => time.nowMs,
    broker: {
      async depth(id): Promise<QueueDepth> {
        asked.push(id)
        time.nowMs += node.lookMs
        const ready = node.ready.get(id) ?? 0
        if (ready instanceof Error) throw ready
        return { ready, unacked: undefined, dlq: 0 }
      },
    },
  })
  const metrics = createMetrics({ version: '1.2.3' })
  const sampler = createMetricSample({
    board,
    sessions,
    depths,
    metrics,
    childOf: () => undefined,
    readiness: async () => ({ ready: true, checks: { database: ok, broker: ok, tenants: ok, node: ok } }),
    runsTenants,
    topTenants,
  })
  metrics.collect(sampler.sample)
  return { ...node, node, metrics, sampler, depths }
}

const ok = { ok: true, detail: 'ok' }

/** The samples of a text in a Prometheus format: `name{labels}` and its value. Those of the process are left out on demand. */
export function readSeries(text: string, ofEngine = true): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && (!ofEngine || line.startsWith('tenantry_')))
  return new Map(
    lines.map((line) => {
      const [, name = '', value] = /^(\S+?(?:\{.*?\})?) (\S+)/.exec(line) ?? []
      return [name, Number(value)]
    }),
  )
}
