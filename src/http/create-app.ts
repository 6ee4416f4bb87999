/** The Express application: what answers what, in the order it is asked. */
import express, { type Express, type RequestHandler } from 'express'
import type { AnsweredRequest, RenderOptions } from '../core/ports/metrics.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import { answerErrors, refuseUnknownRoute } from './answer/errors.ts'
import { createRouter } from './create-router.ts'
import { allowOrigins } from './edge/cors.ts'
import { createInFlight } from './edge/in-flight.ts'
import type { Limiter } from './edge/limiter.ts'
import type { Log } from './log.ts'
import { buildOpenApi } from './openapi/build.ts'
import { createRecordAudit } from './record-audit.ts'
import { createReadJson } from './request/body.ts'
import { Refusal } from './request/refusal.ts'
import { noteArrival } from './request-facts.ts'
import { type ApiOptions, createApiRoutes } from './routes/index.ts'
import { countRequests } from './routes/system/count-requests.ts'
import { createMetricsAccess } from './routes/system/metrics-access.ts'
import { createPages } from './routes/system/pages.ts'
import { createSystemRoutes } from './routes/system/routes.ts'

export interface AppOptions extends ApiOptions {
  readonly asTenant: RequestScope
  readonly limiter: Limiter
  readonly metrics: (options: RenderOptions) => Promise<{ readonly contentType: string; readonly body: string }>
  /** Who reads /metrics must have it; everybody may read what names no tenant when undefined. */
  readonly metricsToken?: string | undefined
  /** Called for each request when its answer is sent. Must not throw. */
  readonly countRequest?: (request: AnsweredRequest) => void
  readonly limits: { readonly bodyBytes: number }
  /** Whose X-Forwarded-For is believed: how many proxies in front, or their addresses and ranges; nobody's when undefined. */
  readonly trustProxy?: number | readonly string[]
  /** Web pages of these origins may call the API; none when undefined. */
  readonly corsOrigins?: readonly string[]
  readonly log: Log
  readonly version: string
  /** False on a worker: it answers probes and metrics only. */
  readonly servesApi: boolean
  readonly isDraining: () => boolean
}

export function createApp(options: AppOptions): Express {
  const { engine, identity, audit, asTenant, limiter, metrics, limits, log, version, servesApi, isDraining } = options
  const { trustProxy = 0, corsOrigins = [], metricsToken, countRequest } = options
  let document: object | undefined
  const openApi = () => {
    document ??= buildOpenApi({ api: apiRoutes, system: systemRoutes, version })
    return document
  }
  const recordAudit = createRecordAudit({ audit, asTenant, log })
  const readJson = createReadJson(limits.bodyBytes)
  const serving = { identity, asTenant, limiter, inFlight: createInFlight(), recordAudit, readJson, isDraining, log }
  const apiRoutes = servesApi ? createApiRoutes(options) : []
  const metricsAccess = createMetricsAccess({ token: metricsToken, identity, limiter })
  const systemRoutes = createSystemRoutes({ engine, metrics, metricsAccess, openApi, isDraining, version })
  const api = createRouter(apiRoutes, serving)

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', trustProxy)
  app.use(noteArrival)
  if (countRequest) app.use(countRequests(countRequest))
  app.use(requireHost)
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins))
  app.use(['/v1', '/api'], api)
  app.use(api)
  app.use(createRouter(systemRoutes, serving))
  app.use(createPages(version))
  app.use(refuseUnknownRoute)
  app.use(answerErrors(log))
  return app
}

/** HTTP/1.1 requires one; Node would refuse its absence without a body, and takes the first of several. */
const requireHost: RequestHandler = (request, _response, next) => {
  if (request.headers.host === undefined && request.httpVersion === '1.1') {
    throw new Refusal('request.malformed', 'The Host header is missing.')
  }
  if (hasSeveralHosts(request.rawHeaders)) throw new Refusal('request.malformed', 'There is more than one Host header.')
  next()
}

/** `raw` is names and values in turns. Looked at for each request, so without a list of its own. */
function hasSeveralHosts(raw: readonly string[]): boolean {
  let hosts = 0
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts > 1
}
