/** What the engine reads in a tenant's configuration. The HTTP layer has checked it; what is unusable all the same counts as absent. */
import { type PayloadVisibility, payloadVisibilities } from './identity.ts'
import { applyRetryPatch, maxRetryDelayMs, type RetryOrder, type RetryPolicy, type RetryPolicyPatch } from './retry-policy.ts'

/**
 * Shape, as in `PUT /tenants/{id}/config`:
 *
 * ```json
 * {
 *   "retry": { "default": { "attempts": 5, "base_ms": 500 }, "types": { "email": "location", "sms": { "delays_ms": [1000, 60000] } } },
 *   "retention": { "messages_days": 30, "failures_days": 90, "keys_hours": 48 },
 *   "payload_visibility": "tenant",
 *   "rate_limits": { "publish_per_second": 500 }
 * }
 * ```
 */
export interface TenantConfig {
  readonly retry?: TenantRetryConfig
  readonly retention?: { readonly messages_days?: number | null; readonly failures_days?: number | null; readonly keys_hours?: number }
  /** Whose eyes message data is for. */
  readonly payload_visibility?: PayloadVisibility
  /** How many messages a second the tenant may publish over all clients; any number when absent. */
  readonly rate_limits?: { readonly publish_per_second?: number }
}

export interface TenantRetryConfig {
  /** For every type that is not named. */
  readonly default?: RetryPolicyJson
  readonly types?: Readonly<Record<string, RetryPolicyJson>>
}

/** A policy's name, or its parts. */
export type RetryPolicyJson =
  | string
  | {
      readonly attempts?: number
      readonly base_ms?: number
      readonly factor?: number
      readonly cap_ms?: number
      readonly delays_ms?: readonly number[]
      readonly non_retryable?: readonly string[]
      readonly immediate_retries?: number
      readonly order?: RetryOrder
    }

/**
 * The policy for a message type of a tenant. The stronger comes first: the tenant's word about the type, the handler's own
 * policy, the tenant's default, the installation's.
 *
 * Errors: none; total.
 */
export function resolveRetryPolicy(
  config: Readonly<Record<string, unknown>>,
  type: string,
  handler: RetryPolicyPatch | undefined,
  installation: RetryPolicy,
): RetryPolicy {
  const retry = (isObject(config.retry) ? config.retry : {}) as TenantRetryConfig
  const types = isObject(retry.types) && Object.hasOwn(retry.types, type) ? retry.types[type] : undefined
  const base = applyRetryPatch(applyRetryPatch(installation, toPatch(retry.default)), handler)
  return applyRetryPatch(base, toPatch(types))
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The age in milliseconds that the tenant wants for its rows; the installation's when it says nothing; undefined keeps for ever. */
export function readRetentionMs(
  config: Readonly<Record<string, unknown>>,
  what: 'messages_days' | 'failures_days',
  installationDays: number,
): number | undefined {
  const own = isObject(config.retention) ? (config.retention as Record<string, unknown>)[what] : undefined
  const days = typeof own === 'number' && own >= 0 ? own : own === null ? 0 : installationDays
  return days === 0 ? undefined : days * dayMs
}

/** How long the tenant's Idempotency-Keys are kept, in milliseconds; as the installation says when it says nothing. */
export function readKeyKeepMs(config: Readonly<Record<string, unknown>>, installationMs: number): number {
  const hours = isObject(config.retention) ? config.retention.keys_hours : undefined
  return typeof hours === 'number' && hours > 0 ? hours * hourMs : installationMs
}

/** Who is shown the tenant's message data; as the installation says when the tenant says nothing. */
export function readPayloadVisibility(config: Readonly<Record<string, unknown>>, installation: PayloadVisibility): PayloadVisibility {
  return payloadVisibilities.find((each) => each === config.payload_visibility) ?? installation
}

export const maxPublishPerSecond = 1_000_000

/** How many messages a second the tenant may publish, a whole number from 1 to `maxPublishPerSecond`; undefined for no limit. */
export function readPublishQuota(config: Readonly<Record<string, unknown>>): number | undefined {
  const quota = isObject(config.rate_limits) ? config.rate_limits.publish_per_second : undefined
  return isNumber(quota, 1, maxPublishPerSecond) && Number.isInteger(quota) ? quota : undefined
}

function toPatch(json: unknown): RetryPolicyPatch | undefined {
  if (typeof json === 'string') return json
  if (!isObject(json)) return undefined
  const common = {
    ...readPart('nonRetryable', json.non_retryable, isTexts),
    ...readPart('immediateRetries', json.immediate_retries, isImmediateRetries),
    ...readPart('order', json.order, isOrder),
  }
  if (isDelays(json.delays_ms)) return { ...common, delaysMs: json.delays_ms }
  return {
    ...common,
    ...readPart('attempts', json.attempts, isAttempts),
    ...readPart('baseMs', json.base_ms, isDelay),
    ...readPart('factor', json.factor, isFactor),
    ...readPart('capMs', json.cap_ms, isDelay),
  }
}

const readPart = <Key extends string, Value>(key: Key, value: unknown, isUsable: (value: unknown) => value is Value) =>
  (isUsable(value) ? { [key]: value } : {}) as { readonly [K in Key]?: Value }

const isNumber = (value: unknown, min: number, max: number): value is number => typeof value === 'number' && value >= min && value <= max
const isDelay = (value: unknown): value is number => isNumber(value, 0, maxRetryDelayMs)
const isFactor = (value: unknown): value is number => isNumber(value, 1, 100)
const isAttempts = (value: unknown): value is number => isNumber(value, 1, 100) && Number.isInteger(value)
const isImmediateRetries = (value: unknown): value is number => isNumber(value, 0, 5) && Number.isInteger(value)
const isOrder = (value: unknown): value is RetryOrder => value === 'oldest' || value === 'latest'
const isDelays = (value: unknown): value is readonly number[] => Array.isArray(value) && value.length > 0 && value.every(isDelay)
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((each) => typeof each === 'string')

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
