/** What a client is told about its limit: the headers of the IETF draft "RateLimit header fields for HTTP". */
import { Refusal } from '../request/refusal.ts'
import type { Count } from './counter.ts'

export type LimitHeaders = Readonly<Record<string, string>>

export interface Window {
  readonly name: string
  /** How much a window has room for. */
  readonly limit: number
  readonly seconds: number
}

/** Source: draft-ietf-httpapi-ratelimit-headers: q is the quota, w the window, r what remains, t the seconds until it is whole again. */
export function toLimitHeaders({ name, limit, seconds }: Window, { used, resetsInMs }: Count): LimitHeaders {
  return {
    'ratelimit-policy': `"${name}";q=${limit};w=${seconds}`,
    ratelimit: `"${name}";r=${Math.max(0, limit - used)};t=${toSeconds(resetsInMs)}`,
  }
}

/** 429, with the headers and how long to wait. */
export function rateLimited(window: Window, count: Count): Refusal {
  const retryAfter = Math.max(1, toSeconds(count.resetsInMs))
  const what = window.name === 'publish' ? `${window.limit} messages of this tenant` : `${window.limit} requests of one client`
  return new Refusal('request.rate_limited', `At most ${what} in ${window.seconds} s; try again in ${retryAfter} s.`, {
    headers: { 'retry-after': String(retryAfter), ...toLimitHeaders(window, count) },
  })
}

const toSeconds = (milliseconds: number): number => Math.max(0, Math.ceil(milliseconds / 1_000))
