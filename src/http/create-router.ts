/** Routes as an Express router. */
import { Router } from 'express'
import { refuseOtherMethods } from './answer/errors.ts'
import type { Route } from './route.ts'
import { type ServeOptions, serveRoute } from './serve-route.ts'

/** A path that has routes answers its other methods with 405. */
export function createRouter(routes: readonly Route[], options: ServeOptions): Router {
  const router = Router()
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    const expressRoute = router.route(toExpressPath(path))
    for (const route of ofPath) expressRoute[route.method](serveRoute(route, options))
    expressRoute.all(refuseOtherMethods(toAllowedMethods(ofPath)))
  }
  return router
}

const toExpressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

function toAllowedMethods(routes: readonly Route[]): readonly string[] {
  const methods = routes.map(({ method }) => method.toUpperCase())
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods
}
