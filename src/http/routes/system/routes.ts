/** What the node says about itself: /healthz, /readyz, /metrics and /openapi.json. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import type { RenderOptions } from '../../../core/ports/metrics.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { liveness, readinessAnswer } from '../../schemas/system.ts'
import { type MetricsAccess, seesTenants } from './metrics-access.ts'
import { wantsOpenMetrics } from './metrics-format.ts'

export interface SystemOptions {
  readonly engine: Pick<EngineApi, 'readiness'>
  readonly metrics: (options: RenderOptions) => Promise<{ readonly contentType: string; readonly body: string }>
  /** Without it everybody reads what names no tenant. */
  readonly metricsAccess?: MetricsAccess | undefined
  readonly openApi: () => object
  readonly isDraining: () => boolean
  readonly version: string
}

export function createSystemRoutes(options: SystemOptions): readonly Route[] {
  const { engine, metrics, metricsAccess, openApi, isDraining, version } = options
  const live: z.output<typeof liveness> = { status: 'live', version }

  return [
    /**
     * @openapi
     * /healthz:
     *   get:
     *     operationId: readLiveness
     *     tags: [system]
     *     summary: Whether the process answers
     *     responses:
     *       200: { description: It does, content: { application/json: { schema: { $ref: '#/components/schemas/Liveness' } } } }
     */
    defineRoute({ method: 'get', path: '/healthz', action: 'public', limit: 'none', handle: () => ({ status: 200, body: live }) }),

    /**
     * @openapi
     * /readyz:
     *   get:
     *     operationId: readReadiness
     *     tags: [system]
     *     summary: Whether the node should get requests, and the state of what it depends on
     *     responses:
     *       200: { description: Ready, content: { application/json: { schema: { $ref: '#/components/schemas/Readiness' } } } }
     *       503: { description: Not ready, content: { application/json: { schema: { $ref: '#/components/schemas/Readiness' } } } }
     */
    defineRoute({
      method: 'get',
      path: '/readyz',
      action: 'public',
      limit: 'none',
      async handle() {
        const { ready, checks } = await engine.readiness()
        const status = isDraining() ? 'draining' : ready ? 'ready' : 'not_ready'
        const body: z.output<typeof readinessAnswer> = { status, checks }
        return { status: status === 'ready' ? 200 : 503, body }
      },
    }),

    /**
     * @openapi
     * /metrics:
     *   get:
     *     operationId: readMetrics
     *     tags: [system]
     *     summary: Metrics in the Prometheus text format, or as OpenMetrics with exemplars when it is asked for
     *     description: >-
     *       Without `metrics.token` everybody may read them, and only a platform admin's token shows the gauges of single tenants. With
     *       it a reader needs that token, or a platform admin's, as `Authorization: Bearer`, and sees them.
     *     responses:
     *       200:
     *         description: The metrics
     *         content: { text/plain: { schema: { type: string } }, application/openmetrics-text: { schema: { type: string } } }
     *       401: { $ref: '#/components/responses/Problem' }
     */
    defineRoute({
      method: 'get',
      path: '/metrics',
      action: 'public',
      limit: 'none',
      async handle({ headers: { accept, authorization }, address }) {
        const tenants = await seesTenants(metricsAccess, { authorization, address })
        const { contentType, body } = await metrics({ openMetrics: wantsOpenMetrics(accept), tenants })
        return { status: 200, headers: { 'content-type': contentType, vary: 'accept' }, text: body }
      },
    }),

    /**
     * @openapi
     * /openapi.json:
     *   get:
     *     operationId: readOpenApi
     *     tags: [system]
     *     summary: This document
     *     responses:
     *       200: { description: An OpenAPI 3.1 document, content: { application/json: { schema: { type: object } } } }
     */
    defineRoute({
      method: 'get',
      path: '/openapi.json',
      action: 'public',
      limit: 'none',
      handle: () => ({ status: 200, body: openApi() }),
    }),
  ]
}
