/** The OpenAPI document: the JSDoc blocks beside the routes, completed with what the routes and their schemas know. */
import { extname, join } from 'node:path'
import swaggerJsdoc from 'swagger-jsdoc'
import { accessTable } from '../../auth/index.ts'
import type { Route, RouteAction } from '../route.ts'
import { createComponents } from './components.ts'

export interface OpenApiOptions {
  /** Served under `/v1`. */
  readonly api: readonly Route[]
  /** Served under the root. */
  readonly system: readonly Route[]
  readonly version: string
}

const tags = ['auth', 'tenants', 'messages', 'failed messages', 'users', 'api keys', 'secrets', 'audit', 'inspection', 'system'] as const

type Operation = Record<string, unknown> & { responses: Record<string, unknown> }
type PathItem = Record<string, unknown> & Partial<Record<Route['method'], Operation>>

export interface OpenApiDocument {
  readonly openapi: string
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** Reads the route files from disk. Errors: throws when a block is not valid YAML or a route has none. */
export function buildOpenApi({ api, system, version }: OpenApiOptions): OpenApiDocument {
  const document = swaggerJsdoc({
    failOnErrors: true,
    definition: {
      openapi: '3.1.0',
      info: {
        title: 'Tenantry',
        version,
        description: 'A multi-tenant message processing engine.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/v1' }],
      tags: tags.map((name) => ({ name })),
      security: [{ bearer: [] }],
      components: createComponents(),
    },
    apis: [join(escapeGlob(join(import.meta.dirname, '..', 'routes')), '**', `*${extname(import.meta.filename)}`)],
  }) as OpenApiDocument

  for (const route of api) complete(document, route)
  for (const route of system) complete(document, route).servers = [{ url: '/' }]
  // In the order of the routes, which is told to people, rather than of the files.
  const paths = Object.fromEntries([...api, ...system].map(({ path }) => [path, document.paths[path] as PathItem]))
  return { ...document, paths: { ...paths, ...document.paths } }
}

/** Adds what every operation has: its action, its security and its problems. Returns the path's item. */
function complete({ paths }: OpenApiDocument, { path, method, action }: Route): PathItem {
  const item = paths[path]
  const operation = item?.[method]
  if (!item || !operation) throw new Error(`${method} ${path} is not documented`)
  operation['x-action'] = action
  operation.security = toSecurity(action)
  operation.responses.default = { $ref: '#/components/responses/Problem' }
  return item
}

/** The credentials that an operation takes: tokens, and API keys where a scope allows it. */
function toSecurity(action: RouteAction): readonly Readonly<Record<string, readonly string[]>>[] {
  if (action === 'public') return []
  const { scopes } = accessTable[action]
  return scopes.length === 0 ? [{ bearer: [] }] : [{ bearer: [] }, { apiKey: scopes }]
}

const escapeGlob = (path: string): string => path.replaceAll(/[?*()[\]{}]/g, '[$&]')
