/** How often somebody may ask: management and chat by client, publishing by the tenant's own quota. */
import { createHash } from 'node:crypto'
import type { Principal } from '../../auth/index.ts'
import type { TenantId } from '../../core/ids.ts'
import { toNetwork } from '../../core/network.ts'
import type { EngineApi } from '../../core/ports/engine-api.ts'
import { readPublishQuota } from '../../core/tenant-config.ts'
import type { Log } from '../log.ts'
import { unprocessable } from '../request/refusal.ts'
import type { LimitGroup } from '../route.ts'
import { type Count, type CountOptions, createCounter } from './counter.ts'
import { type LimitHeaders, rateLimited, toLimitHeaders, type Window } from './limit-headers.ts'

export interface LimitedClient {
  /** undefined for a request without good credentials: it counts against its address. */
  readonly principal: Principal | undefined
  readonly address: string
  readonly tenantId: TenantId | undefined
  /** How much the request counts: the number of messages of a publish. */
  readonly points: number
}

export interface Limiter {
  /**
   * Counts a request and gives the headers that say what is left; undefined when nothing limits it. Publishing without a quota
   * is answered at once, without a promise, when the tenant's configuration is in memory.
   *
   * Errors: Refusal `request.rate_limited` with Retry-After; `request.unprocessable` for a batch that no window has room for.
   */
  take(group: LimitGroup, client: LimitedClient): LimitHeaders | undefined | Promise<LimitHeaders | undefined>
}

export interface LimiterOptions extends Omit<CountOptions, 'windowSeconds'> {
  /** 0 sets no limit. */
  readonly managementPerSecond: number
  readonly chatPerSecond: number
  readonly tenantConfig: EngineApi['tenantConfig']
  readonly log: Log
}

const clientWindowSeconds = 1
/** Long enough that a quota of a few messages a second lets a batch pass. */
const publishWindowSeconds = 10

/** A refused request does not count, but those of a client that does not stop do: a full window stays full until its end. */
export function createLimiter(options: LimiterOptions): Limiter {
  const ofClients = createCounter({ ...options, windowSeconds: clientWindowSeconds })
  const ofTenants = createCounter({ ...options, windowSeconds: publishWindowSeconds })
  const perSecond = { management: options.managementPerSecond, chat: options.chatPerSecond }

  const countPublish = (config: Readonly<Record<string, unknown>> | undefined, tenantId: TenantId, points: number) => {
    const quota = config && readPublishQuota(config)
    if (quota === undefined) return undefined
    const window = { name: 'publish', limit: quota * publishWindowSeconds, seconds: publishWindowSeconds }
    if (points > window.limit) throw largerThanWindow(points, window)
    return take(ofTenants.add(`publish:${tenantId}`, points, window.limit), window)
  }

  return {
    take(group, { principal, address, tenantId, points }) {
      if (group === 'publish') {
        if (tenantId === undefined) return undefined
        const config = options.tenantConfig(tenantId)
        return config instanceof Promise
          ? config.then((found) => countPublish(found, tenantId, points))
          : countPublish(config, tenantId, points)
      }
      const limit = perSecond[group]
      if (limit === 0) return undefined
      const window = { name: group, limit, seconds: clientWindowSeconds }
      return take(ofClients.add(`${group}:${toClientKey(principal, address)}`, points, limit), window)
    },
  }
}

async function take(counting: Promise<Count>, window: Window): Promise<LimitHeaders> {
  const count = await counting
  if (count.used > window.limit) throw rateLimited(window, count)
  return toLimitHeaders(window, count)
}

function toClientKey(principal: Principal | undefined, address: string): string {
  if (!principal) return `address:${toNetwork(address)}`
  // An identity provider's subject may be any text; a key is short and plain.
  const id = /^[\w-]{1,64}$/.test(principal.id) ? principal.id : createHash('sha256').update(principal.id).digest('hex')
  return `${principal.kind}:${id}`
}

const largerThanWindow = (points: number, { limit, seconds }: Window) =>
  unprocessable({ path: 'messages', message: `has ${points} messages; the tenant may publish ${limit} in ${seconds} seconds` })
