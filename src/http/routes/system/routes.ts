/** What the node says about itself: /healthz, /readyz, /metrics and /openapi.json. */
import type { z } from 'zod'
import type { EngineApi } from '../../../core/ports/engine-api.ts'
import { defineRoute, type Route } from '../../route.ts'
import type { liveness, readinessAnswer } from '../../schemas/system.ts'

export interface SystemOptions {
  readonly engine: Pick<EngineApi, 'readiness'>
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>
  readonly openApi: () => object
  readonly isDraining: () => boolean
  readonly version: string
}

export function createSystemRoutes({ engine, metrics, openApi, isDraining, version }: SystemOptions): readonly Route[] {
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
    defineRoute({ method: 'get', path: '/healthz', action: 'public', handle: () => ({ status: 200, body: live }) }),

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
     *     summary: Metrics in the Prometheus text format
     *     responses:
     *       200: { description: The metrics, content: { text/plain: { schema: { type: string } } } }
     */
    defineRoute({
      method: 'get',
      path: '/metrics',
      action: 'public',
      async handle() {
        const { contentType, body } = await metrics()
        return { status: 200, headers: { 'content-type': contentType }, text: body }
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
    defineRoute({ method: 'get', path: '/openapi.json', action: 'public', handle: () => ({ status: 200, body: openApi() }) }),
  ]
}
