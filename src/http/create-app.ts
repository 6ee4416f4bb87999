/** The Express application: what answers what, in the order it is asked. */
import express, { type Express } from 'express'
import type { Authenticate, Login } from '../auth/index.ts'
import type { EngineApi } from '../core/ports/engine-api.ts'
import { answerErrors, refuseUnknownRoute } from './answer/errors.ts'
import { createRouter } from './create-router.ts'
import type { Log } from './log.ts'
import { buildOpenApi } from './openapi/build.ts'
import { createReadJson } from './request/body.ts'
import { createApiRoutes } from './routes/index.ts'
import { createPages } from './routes/system/pages.ts'
import { createSystemRoutes } from './routes/system/routes.ts'

export interface AppOptions {
  readonly engine: EngineApi
  readonly authenticate: Authenticate
  readonly login: Login
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>
  readonly limits: { readonly bodyBytes: number }
  readonly log: Log
  readonly version: string
  /** False on a worker: it answers probes and metrics only. */
  readonly servesApi: boolean
  readonly isDraining: () => boolean
}

export function createApp({ engine, authenticate, login, metrics, limits, log, version, servesApi, isDraining }: AppOptions): Express {
  let document: object | undefined
  const openApi = () => {
    document ??= buildOpenApi({ api: apiRoutes, system: systemRoutes, version })
    return document
  }
  const serving = { authenticate, readJson: createReadJson(limits.bodyBytes), isDraining, log }
  const apiRoutes = servesApi ? createApiRoutes({ engine, login }) : []
  const systemRoutes = createSystemRoutes({ engine, metrics, openApi, isDraining, version })
  const api = createRouter(apiRoutes, serving)

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.use(['/v1', '/api'], api)
  app.use(api)
  app.use(createRouter(systemRoutes, serving))
  app.use(createPages(version))
  app.use(refuseUnknownRoute)
  app.use(answerErrors(log))
  return app
}
