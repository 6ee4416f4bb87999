/** Pages for people: Swagger UI at /docs and /swagger, and the way there from `/`. */
import { type RequestHandler, Router } from 'express'
import swaggerUi from 'swagger-ui-express'
import { send } from '../../answer/send.ts'
import { pageHeaders } from '../../edge/page-headers.ts'
import { requestIdOf } from '../../request-facts.ts'

const uiOptions = {
  swaggerUrl: '/openapi.json',
  swaggerOptions: { persistAuthorization: false, displayRequestDuration: true, validatorUrl: null, layout: 'BaseLayout' },
}

/** Our own: the page that comes with the package styles itself inline, which the policy refuses. */
const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tenantry API</title>
<link rel="stylesheet" href="./swagger-ui.css">
<link rel="stylesheet" href="./index.css">
<link rel="icon" type="image/png" href="./favicon-32x32.png" sizes="32x32">
</head>
<body>
<div id="swagger-ui"></div>
<script src="./swagger-ui-bundle.js"></script>
<script src="./swagger-ui-standalone-preset.js"></script>
<script src="./swagger-ui-init.js"></script>
</body>
</html>
`

export function createPages(version: string): Router {
  const pages = Router()
  const files = swaggerUi.serveFiles(undefined, uiOptions)
  pages.use(['/docs', '/swagger'], pageHeaders, addRequestId, addTrailingSlash, servePage, ...files)
  pages.get('/', createHome(version))
  return pages
}

const addRequestId: RequestHandler = (request, response, next) => {
  response.setHeader('x-request-id', requestIdOf(request, response))
  next()
}

/** The page names its files relative to itself, so it must be a folder. */
const addTrailingSlash: RequestHandler = (request, response, next) =>
  request.originalUrl.split('?')[0] === request.baseUrl ? response.redirect(301, `${request.baseUrl}/`) : next()

const servePage: RequestHandler = (request, response, next) => {
  if (!['/', '/index.html'].includes(request.path) || !['GET', 'HEAD'].includes(request.method)) return next()
  send(response, requestIdOf(request, response), { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, text: page })
}

function createHome(version: string): RequestHandler {
  const index = { name: 'tenantry', version, api: '/v1', docs: '/docs', openapi: '/openapi.json', health: '/healthz', readiness: '/readyz' }
  return (request, response) => {
    if (request.accepts(['json', 'html']) === 'html') return response.redirect(302, '/docs/')
    send(response, requestIdOf(request, response), { status: 200, body: index })
  }
}
