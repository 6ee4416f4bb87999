/** What is known of a request while it is answered: kept in `response.locals`, for the error mapper and for the log. */
import type { Request, RequestHandler, Response } from 'express'
import type { Principal } from '../auth/index.ts'
import type { TenantId } from '../core/ids.ts'
import { readTraceparent } from '../core/trace.ts'
import type { Log } from './log.ts'
import { toRequestId } from './request/request-id.ts'
import type { RouteAction } from './route.ts'

export interface RequestFacts {
  readonly requestId: string
  /** On the clock of `performance.now()`. */
  readonly arrivedMs: number
  /** Of the trace that the caller's `traceparent` names, or that was begun here. */
  traceId?: string | undefined
  action?: RouteAction
  /** Its answer lasts as long as somebody listens. */
  isEndless?: boolean
  principal?: Principal | undefined
  /** The tenant of the path. */
  tenantId?: TenantId | undefined
}

/** Longer than anybody likes to wait; a drain or a deletion may take so long and be well. */
const slowMs = 5_000

/** The same for each call. */
export function factsOf(request: Request, response: Response): RequestFacts {
  const locals = response.locals as { facts?: RequestFacts }
  locals.facts ??= arrive(request)
  return locals.facts
}

function arrive({ headers }: Request): RequestFacts {
  const { traceparent } = headers
  return {
    requestId: toRequestId(headers['x-request-id']),
    arrivedMs: performance.now(),
    ...(typeof traceparent === 'string' ? { traceId: readTraceparent(traceparent)?.traceId } : {}),
  }
}

export const requestIdOf = (request: Request, response: Response): string => factsOf(request, response).requestId

/** Goes first, so that the time of arrival is that. */
export const noteArrival: RequestHandler = (request, response, next) => {
  factsOf(request, response)
  next()
}

/**
 * The facts of a line of the log: ids, what was asked for, by what kind of caller, and how long it took.
 *
 * Shape: names as in the other lines of the log. Nothing of what the request says is in it, neither path nor query, header nor
 * body: the request's own id, once it is sane, and the tenant's, once it is one, are all that a client chooses.
 */
export function toLogDetails(request: Request, response: Response) {
  const { requestId, arrivedMs, traceId, action, principal, tenantId } = factsOf(request, response)
  return {
    request_id: requestId,
    trace_id: traceId,
    tenant_id: tenantId ?? (principal && principal.kind !== 'admin' ? principal.tenantId : undefined),
    action,
    method: request.method,
    principal: principal?.kind ?? 'anonymous',
    duration_ms: Math.round((performance.now() - arrivedMs) * 10) / 10,
  }
}

/** One line for a request that was answered as it should be. A stream is no slow answer. */
export function logAnswered(log: Log, request: Request, response: Response, answer: { status: number; isStream: boolean }): void {
  const details = { ...toLogDetails(request, response), status: answer.status }
  if (details.duration_ms > slowMs && !answer.isStream) log('info', 'a request took long', details)
  else log('debug', 'request answered', details)
}
