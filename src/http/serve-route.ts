/** Takes a request through a route: who, may they, how often, what did they send, answer. */
import type { Request, RequestHandler, Response } from 'express'
import { type Identity, may, type Principal } from '../auth/index.ts'
import { AppError } from '../core/errors.ts'
import { readTenantId, type TenantId } from '../core/ids.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import { type EventTiming, sendEvents } from './answer/events.ts'
import { type Reply, send, sendStream } from './answer/send.ts'
import { NotedFailure } from './audit-note.ts'
import { clientAddress } from './edge/client-address.ts'
import { type InFlight, type InFlightLimit, maxRequestsInFlight, toInFlightKey } from './edge/in-flight.ts'
import type { Limiter } from './edge/limiter.ts'
import type { Log } from './log.ts'
import type { RecordAudit } from './record-audit.ts'
import { parseBody, type ReadJson } from './request/body.ts'
import { parseQuery } from './request/query.ts'
import { invalid, Refusal } from './request/refusal.ts'
import { factsOf, logAnswered } from './request-facts.ts'
import type { Call, LimitGroup, Route, RouteAction } from './route.ts'

export interface ServeOptions {
  readonly identity: Pick<Identity, 'authenticate'>
  readonly asTenant: RequestScope
  readonly limiter: Limiter
  readonly inFlight: InFlight
  readonly recordAudit: RecordAudit
  readonly readJson: ReadJson
  readonly isDraining: () => boolean
  readonly log: Log
  /** For routes that answer with events. */
  readonly timing?: Partial<EventTiming>
}

/**
 * The handler's promise rejects with what was thrown on the way; Express hands it to the error mapper.
 * The order is part of the contract: nobody learns what a body lacks before they may send it, and whoever is refused is counted.
 */
export function serveRoute(route: Route, options: ServeOptions): RequestHandler {
  const { action, body: bodySchema, query: querySchema, method, limit = 'management', atOnce, isEndless = false } = route
  const { asTenant, limiter, inFlight, recordAudit, readJson, isDraining, log, timing } = options
  const isPublish = limit === 'publish'

  return async (request, response) => {
    const facts = factsOf(request, response)
    const { requestId } = facts
    facts.action = action
    const address = clientAddress(request)
    const principal = action === 'public' ? undefined : await requirePrincipal(request, address, options)
    facts.principal = principal
    const count = async (group: LimitGroup, points: number, tenantId?: TenantId) => {
      const taken = limiter.take(group, { principal, address, tenantId, points })
      const headers = taken instanceof Promise ? await taken : taken
      if (headers) for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    }
    if (!isPublish && limit !== 'none') await count(limit, 1)
    const admitted = admit(request, route, principal)
    // A publish counts by its messages, against the tenant's quota: one that is refused counts as any other request.
    if (isPublish && 'refusal' in admitted) await count('management', 1)

    const ends: (() => void)[] = []
    try {
      const enter = (held: InFlightLimit): void => void ends.push(inFlight.enter(held, response))
      if (principal && !isPublish && !isEndless) enter({ who: toInFlightKey(principal), most: maxRequestsInFlight })
      if ('refusal' in admitted) throw admitted.refusal
      const { tenantId } = admitted
      facts.tenantId = tenantId
      if (atOnce !== undefined && principal && isEndless) for (const held of inFlight.endless(principal, atOnce)) enter(held)
      else if (atOnce !== undefined) enter({ who: `${action}:${tenantId}`, most: atOnce })
      if ((method !== 'get' || isEndless) && isDraining()) throw new Refusal('node.draining', 'This node is shutting down.')
      const query = hasQuery(request) || querySchema ? parseQuery(request.query, querySchema) : undefined
      const body = bodySchema ? parseBody(await readJson(request, response), bodySchema) : undefined
      if (isPublish) await count('publish', route.points?.(body) ?? 1, tenantId)

      const { params, headers, baseUrl: prefix } = request
      const call = { principal, tenantId, params, query, body, headers, address, prefix } as Call<string, RouteAction, unknown, unknown>
      const source = { action, principal, tenantId, address, requestId }
      const reply = await asTenant(toScope(principal, tenantId), async () => {
        const reply = await handle(route, call, (note) => recordAudit(note, source))
        if (reply.audit) await recordAudit(reply.audit, source)
        facts.traceId ??= reply.traceId
        if (!reply.events) await write(response, requestId, reply)
        return reply
      })
      const { events } = reply
      if (events) {
        facts.isEndless = true
        // Outside the tenant's scope, as the credentials were read the first time: what begins here serves other requests, too.
        const refuse = () => readRefusal(request, options, { principal, action, tenantId })
        await sendEvents(response, requestId, { ...reply, events }, { refuse, isDraining, timing })
      }
      logAnswered(log, request, response, { status: reply.status, isStream: (reply.stream ?? events) !== undefined })
    } finally {
      for (const end of ends) end()
    }
  }
}

/** The tenant that the request is about, or why it may not be made. */
function admit(
  request: Request,
  { path, action }: Route,
  principal: Principal | undefined,
): { readonly tenantId: TenantId | undefined } | { readonly refusal: unknown } {
  try {
    const tenantId = path.startsWith('/tenants/{id}') ? parseTenantId(request.params.id) : undefined
    if (principal && action !== 'public') requireAccess(principal, action, tenantId)
    return { tenantId }
  } catch (refusal) {
    return { refusal }
  }
}

/** A failure that is noted is answered with its cause. Nobody waits for the note: how long it takes would say what it found. */
async function handle(
  route: Route,
  call: Call<string, RouteAction, unknown, unknown>,
  record: (note: NotedFailure['note']) => Promise<void>,
): Promise<Reply> {
  try {
    return await route.handle(call)
  } catch (error) {
    if (!(error instanceof NotedFailure)) throw error
    void record(error.note)
    throw error.cause
  }
}

async function write(response: Response, requestId: string, reply: Reply): Promise<void> {
  const { stream } = reply
  if (stream) await sendStream(response, requestId, { ...reply, stream })
  else send(response, requestId, reply)
}

/** Wrong credentials count against the address they come from. Errors: Refusal `auth.required`, `request.rate_limited`. */
async function requirePrincipal(request: Request, address: string, { identity, limiter }: ServeOptions): Promise<Principal> {
  const principal = await identity.authenticate(toCredentials(request))
  if (principal) return principal
  await limiter.take('management', { principal: undefined, address, tenantId: undefined, points: 1 })
  throw new Refusal('auth.required', 'A valid token or API key is required.', {
    headers: { 'www-authenticate': 'Bearer realm="tenantry"' },
  })
}

function toCredentials({ headers: { authorization, 'x-api-key': key } }: Request) {
  return { authorization, apiKey: typeof key === 'string' ? key : undefined }
}

/** Why the request would be refused if it were made now; undefined when it would not. Errors: those of the stores. */
async function readRefusal(
  request: Request,
  { identity }: ServeOptions,
  { principal, action, tenantId }: { principal: Principal | undefined; action: RouteAction; tenantId: TenantId | undefined },
): Promise<string | undefined> {
  if (!principal || action === 'public') return undefined
  const now = await identity.authenticate(toCredentials(request))
  // What was asked for was decided for the one who asked.
  if (!now || toInFlightKey(now) !== toInFlightKey(principal)) return 'auth.required'
  return may(now, action, tenantId) === 'granted' ? undefined : 'auth.forbidden'
}

function requireAccess(principal: Principal, action: Exclude<RouteAction, 'public'>, tenantId: TenantId | undefined): void {
  const access = may(principal, action, tenantId)
  if (access === 'granted') return
  if (access === 'hidden') throw new AppError('tenant.missing', 'another tenant’s resource')
  throw new Refusal('auth.forbidden', `Your ${principal.kind === 'api_key' ? 'key’s scopes do' : 'role does'} not allow ${action}.`)
}

/** Whose rows the request may see: its own tenant's for a tenant's user or key, those of the tenant in the path for an admin. */
const toScope = (principal: Principal | undefined, tenantId: TenantId | undefined): TenantId | undefined =>
  principal === undefined || principal.kind === 'admin' ? tenantId : principal.tenantId

function parseTenantId(text: unknown): TenantId {
  const id = typeof text === 'string' ? readTenantId(text) : undefined
  if (!id) throw invalid({ path: 'id', message: 'must be a UUID' })
  return id
}

const hasQuery = (request: Request): boolean => request.url.includes('?')
