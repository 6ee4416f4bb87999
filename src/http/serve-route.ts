/** Takes a request through a route: who, may they, what did they send, answer. */
import type { Request, RequestHandler, Response } from 'express'
import { type Authenticate, may, type Principal } from '../auth/index.ts'
import { AppError } from '../core/errors.ts'
import { readTenantId, type TenantId } from '../core/ids.ts'
import { send } from './answer/send.ts'
import type { Log } from './log.ts'
import { parseBody, type ReadJson } from './request/body.ts'
import { parseQuery } from './request/query.ts'
import { invalid, Refusal } from './request/refusal.ts'
import { toRequestId } from './request/request-id.ts'
import type { Call, Route, RouteAction } from './route.ts'

export interface ServeOptions {
  readonly authenticate: Authenticate
  readonly readJson: ReadJson
  readonly isDraining: () => boolean
  readonly log: Log
}

/** What the error mapper wants to know about a request, kept in `response.locals`. */
export interface RequestFacts {
  requestId?: string
  action?: RouteAction
}

/** The request's id, the same for each call. */
export function requestIdOf(request: Request, response: Response): string {
  const facts = response.locals as RequestFacts
  facts.requestId ??= toRequestId(request.headers['x-request-id'])
  return facts.requestId
}

/**
 * The handler's promise rejects with what was thrown on the way; Express hands it to the error mapper.
 * The order is part of the contract: nobody learns what a body lacks before they may send it.
 */
export function serveRoute(route: Route, { authenticate, readJson, isDraining, log }: ServeOptions): RequestHandler {
  const { action, body: bodySchema, query: querySchema, method } = route
  const isAboutTenant = route.path.startsWith('/tenants/{id}')

  return async (request, response) => {
    const requestId = requestIdOf(request, response)
    ;(response.locals as RequestFacts).action = action
    const principal = action === 'public' ? undefined : requirePrincipal(await authenticate(request.headers))
    const tenantId = isAboutTenant ? parseTenantId(request.params.id) : undefined
    if (principal && action !== 'public') requireAccess(principal, action, tenantId)
    if (method !== 'get' && isDraining()) throw new Refusal('node.draining', 'This node is shutting down.')
    const query = hasQuery(request) || querySchema ? parseQuery(request.query, querySchema) : undefined
    const body = bodySchema ? parseBody(await readJson(request, response), bodySchema) : undefined

    const call = {
      principal,
      tenantId,
      params: request.params,
      query,
      body,
      headers: request.headers,
      address: request.socket.remoteAddress ?? '',
      prefix: request.baseUrl,
    } as Call<string, RouteAction, unknown, unknown>
    const reply = await route.handle(call)
    send(response, requestId, reply)
    log('debug', 'request answered', { requestId, action, status: reply.status })
  }
}

function requirePrincipal(principal: Principal | undefined): Principal {
  if (principal) return principal
  throw new Refusal('auth.required', 'A valid token is required.', { headers: { 'www-authenticate': 'Bearer realm="tenantry"' } })
}

function requireAccess(principal: Principal, action: Exclude<RouteAction, 'public'>, tenantId: TenantId | undefined): void {
  const access = may(principal, action, tenantId)
  if (access === 'granted') return
  if (access === 'hidden') throw new AppError('tenant.missing', 'another tenant’s resource')
  throw new Refusal('auth.forbidden', `Your role does not allow ${action}.`)
}

function parseTenantId(text: unknown): TenantId {
  const id = typeof text === 'string' ? readTenantId(text) : undefined
  if (!id) throw invalid({ path: 'id', message: 'must be a UUID' })
  return id
}

const hasQuery = (request: Request): boolean => request.url.includes('?')
