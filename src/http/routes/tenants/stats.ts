/** GET /tenants/{id}/stats. */
import type { z } from 'zod'
import type { EngineApi, TenantStats } from '../../../core/ports/engine-api.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { tenantStatsSchema } from '../../schemas/tenant.ts'
import type { PayloadGuard } from '../messages/payload-guard.ts'

export function createTenantStatsRoutes(engine: EngineApi, guard: PayloadGuard): readonly Route[] {
  return [
    /**
     * @openapi
     * /tenants/{id}/stats:
     *   get:
     *     operationId: readTenantStats
     *     tags: [tenants]
     *     summary: The tenant's queue, rate, latency and workers
     *     parameters:
     *       - { $ref: '#/components/parameters/TenantId' }
     *     responses:
     *       200: { description: The figures, content: { application/json: { schema: { $ref: '#/components/schemas/TenantStats' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/tenants/{id}/stats',
      action: 'tenant.read_stats',
      async handle({ principal, tenantId }) {
        const stats = await engine.tenantStats(tenantId)
        return { status: 200, body: toStatsBody(stats, await guard.mayRead(principal, tenantId)) }
      },
    }),
  ]
}

/** What opened a circuit is the text of an error, which may quote the data. */
function toStatsBody(stats: TenantStats, isReadable: boolean): z.output<typeof tenantStatsSchema> {
  const { queue, latencyMs, workers } = stats
  return {
    queue: { ready: queue.ready, unacked: queue.unacked ?? null, dlq: queue.dlq },
    in_flight: stats.inFlight,
    rate_1m: stats.ratePerSecond1m,
    latency_ms: { p50: latencyMs.p50, p99: latencyMs.p99 },
    workers: { desired: workers.desired, current: workers.current, busy: workers.busy },
    state: stats.state,
    circuits: stats.circuits.map(({ destination, state, until, reason }) => ({
      destination,
      state,
      until: until.toISOString(),
      reason: isReadable ? reason : null,
    })),
  }
}
