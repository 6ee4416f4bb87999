/** Pages for people: Swagger UI at /docs and /swagger, and the way there from `/`. */
import { type RequestHandler, Router } from 'express'
import helmet from 'helmet'
import swaggerUi from 'swagger-ui-express'
import { send } from '../../answer/send.ts'
import { requestIdOf } from '../../serve-route.ts'

/** Swagger UI styles its elements inline; scripts come from this server alone. */
const secure = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Whether the site is served over TLS is for the proxy in front to say.
  strictTransportSecurity: false,
})

const uiOptions = {
  swaggerUrl: '/openapi.json',
  customSiteTitle: 'Tenantry API',
  swaggerOptions: { persistAuthorization: false, displayRequestDuration: true, validatorUrl: null },
}

export function createPages(version: string): Router {
  const pages = Router()
  const files = swaggerUi.serveFiles(undefined, uiOptions)
  const page = swaggerUi.setup(undefined, uiOptions)
  pages.use(['/docs', '/swagger'], secure, addTrailingSlash, ...files, onlyAt('/', page))
  pages.get('/', createHome(version))
  return pages
}

/** The page names its files relative to itself, so it must be a folder. */
const addTrailingSlash: RequestHandler = (request, response, next) =>
  request.originalUrl.split('?')[0] === request.baseUrl ? response.redirect(301, `${request.baseUrl}/`) : next()

const onlyAt =
  (path: string, handler: RequestHandler): RequestHandler =>
  (request, response, next) =>
    request.path === path && request.method === 'GET' ? handler(request, response, next) : next()

function createHome(version: string): RequestHandler {
  const index = { name: 'tenantry', version, api: '/v1', docs: '/docs', openapi: '/openapi.json', health: '/healthz', readiness: '/readyz' }
  return (request, response) => {
    if (request.accepts(['json', 'html']) === 'html') return response.redirect(302, '/docs/')
    send(response, requestIdOf(request, response), { status: 200, body: index })
  }
}
