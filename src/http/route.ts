/** A route as data: what it is called, what it needs, and the function that answers. */
import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Action, Principal } from '../auth/index.ts'
import type { TenantId } from '../core/ids.ts'
import type { Reply } from './answer/send.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** `public` routes need no credentials. */
export type RouteAction = Action | 'public'

/**
 * The rate limit that a request counts against: `management` and `chat` by client, before its body is read; `publish` by tenant,
 * once it is known how many messages it brings.
 */
export type LimitGroup = 'management' | 'chat' | 'publish'

/** A request that has passed authentication, authorization and validation. */
export interface Call<Path extends string, A extends RouteAction, Query, Body> {
  readonly principal: A extends 'public' ? undefined : Principal
  readonly tenantId: Path extends `/tenants/{id}${string}` ? TenantId : undefined
  /** The path's other parameters, decoded and otherwise unchecked. */
  readonly params: Readonly<Record<string, string | undefined>>
  readonly query: Query
  readonly body: Body
  readonly headers: IncomingHttpHeaders
  /** The client's address. */
  readonly address: string
  /** What the client addressed the API under: `/v1`, `/api` or nothing. */
  readonly prefix: string
}

export interface RouteSpec<Path extends string, A extends RouteAction, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: Method
  /** As OpenAPI writes it: `/tenants/{id}`. `{id}` right after `/tenants` is the tenant the call is about. */
  readonly path: Path
  readonly action: A
  /** Without one, no query parameter is accepted. */
  readonly query?: Q
  /** Without one, no body is read. */
  readonly body?: B
  /** `management` when undefined. */
  readonly limit?: LimitGroup | 'none'
  /** How many of one tenant a node answers at once, for what takes long; without one, that of all requests holds. */
  readonly atOnce?: number
  /**
   * It answers with events for as long as the client likes: what holds instead of the number of all requests is `atOnce`, of one
   * tenant or platform admin, and the number of all such streams of a node.
   */
  readonly isEndless?: boolean
  /** How much a request counts against a `publish` limit: 1 when undefined. */
  points?(body: z.output<B>): number
  handle(call: Call<Path, A, z.output<Q>, z.output<B>>): Promise<Reply> | Reply
}

/** A route whose types have done their work: the server feeds `handle` what the spec asked for. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly action: RouteAction
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly limit?: LimitGroup | 'none'
  readonly atOnce?: number
  readonly isEndless?: boolean
  points?(body: unknown): number
  handle(call: Call<string, RouteAction, unknown, unknown>): Promise<Reply> | Reply
}

export function defineRoute<const Path extends string, A extends RouteAction, Q extends z.ZodType, B extends z.ZodType>(
  spec: RouteSpec<Path, A, Q, B>,
): Route {
  return spec as unknown as Route
}
