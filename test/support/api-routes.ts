/** Looks up whether the API has a call. */
import type { Remedy } from '../../src/core/ports/inspection.ts'
import { createApiRoutes } from '../../src/http/routes/index.ts'
import { createMemoryApi } from '../unit/http/start-api.ts'

const routes = createApiRoutes(createMemoryApi().options).map(({ method, path, body }) => ({
  method: method.toUpperCase(),
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[0-9a-f-]{36}')}$`),
  takes: (value: unknown) => body === undefined || body.safeParse(value).success,
}))

/** True when the API has the recommended call, and it takes the recommended body. */
export const isRoute = ({ method, path, body }: Remedy): boolean =>
  routes.some((route) => route.method === method && route.pattern.test(path) && route.takes(body))
