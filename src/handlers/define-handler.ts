/** What a user writes: a handler for one message type. */
import type { Priority } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'
import type { RetryPolicyPatch } from '../core/retry-policy.ts'
import { requireRetryPatch } from './retry-patch.ts'

/** A schema of any library that speaks Standard Schema v1 (zod, valibot, arktype …). */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }

export interface HandlerMessage<Data = unknown> {
  readonly id: string
  readonly tenantId: string
  readonly type: string
  /** Parsed when it is first read, and validated before the handler runs when there is a schema. */
  readonly data: Data
  readonly priority: Priority
  readonly key: string | null
  readonly createdAt: Date
}

export interface HandlerContext {
  readonly tenant: { readonly id: string; readonly config: Readonly<Record<string, unknown>> }
  /** Counts from 1. */
  readonly attempt: number
  /**
   * This attempt's place in its trace: pass it to third parties as the headers `traceparent` and `tracestate`. undefined unless
   * the engine traces.
   */
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string | undefined } | undefined
  /** Aborted at the deadline, and when the node cannot wait any longer. Pass it to fetch() and to timers. */
  readonly signal: AbortSignal
  readonly logger: HandlerLogger
  /** Publishes another message for the same tenant; resolves with its id when it is durable. */
  readonly publish: (message: HandlerPublish) => Promise<string>
  /**
   * A secret of the tenant (`PUT /v1/tenants/{id}/secrets/{name}`), in clear: ask for it in each run, as it may be changed; a change
   * is seen within five seconds. It rejects when there is none of this name, and says how to set it; unless it is caught, the
   * message has failed. What the handler logs, throws or gives as a reason is stored and shown without the secrets that it was given
   * in the run; a secret of fewer than four characters is not recognized there.
   */
  readonly secret: (name: string) => Promise<string>
}

export interface HandlerLogger {
  debug(message: string, details?: object): void
  info(message: string, details?: object): void
  warn(message: string, details?: object): void
  error(message: string, details?: object): void
}

export interface HandlerPublish {
  readonly type: string
  readonly data: unknown
  readonly priority?: Priority
  readonly key?: string
  /** Make it from the message's own id, and a second run publishes nothing new. */
  readonly id?: string
}

/** A message that has failed and is due again. */
export interface FailedAttempt<Data = unknown> extends HandlerMessage<Data> {
  /** How often it has been run. */
  readonly attempts: number
  readonly errorClass: string
  readonly error: string
}

export interface RetryContext {
  readonly tenant: HandlerContext['tenant']
  readonly signal: AbortSignal
}

export type RetryAnswer = boolean | string

export interface HandlerDefinition<Data = unknown> {
  readonly type: string
  readonly schema?: StandardSchema<Data>
  /** The deadline of one run in milliseconds; `handler.timeout_ms` of the configuration by default. */
  readonly timeoutMs?: number
  /**
   * Where it runs: `'none'` (the default), beside everything else in the node's own thread, or `'thread'`, alone in a thread that
   * is ended at the deadline and at its memory limit, whatever the handler does. Only for a handler in a file that the
   * configuration names.
   */
  readonly isolation?: 'none' | 'thread'
  /**
   * How its failures are tried again: `'location'`, `'none'`, parts of an exponential policy, or a list of delays. What is left
   * out is the installation's; the tenant's configuration for this type is stronger.
   */
  readonly retry?: RetryPolicyPatch
  /**
   * The third party this handler depends on. Failures in a row open a circuit for it, for each tenant apart: messages are put
   * off, without a run and without an attempt of their policy, until a probe succeeds.
   */
  readonly destination?: string
  /**
   * Asked each time before a failed message goes back to its queue: `false`, or the reason in words, gives it up for good.
   * One that throws, or takes longer than five seconds, counts as yes.
   */
  readonly shouldRetry?: (failed: FailedAttempt<Data>, context: RetryContext) => RetryAnswer | Promise<RetryAnswer>
  /** Nothing returned means `ack`. Anything thrown means that the message failed. */
  readonly handle:
    | ((message: HandlerMessage<Data>, context: HandlerContext) => Outcome | undefined | Promise<Outcome | undefined>)
    | ((message: HandlerMessage<Data>, context: HandlerContext) => void)
    | ((message: HandlerMessage<Data>, context: HandlerContext) => Promise<void>)
}

const definitions = new WeakSet<object>()

/**
 * Declares a handler for a message type.
 *
 * Errors: throws TypeError when the definition is not usable, so that a mistake stops the start and not the first message.
 *
 * ```ts
 * export const email = defineHandler({
 *   type: 'email',
 *   timeoutMs: 10_000,
 *   async handle(message, { secret, signal }) {
 *     const headers = { authorization: `Bearer ${await secret('mail.api-key')}` }
 *     const response = await fetch('https://mail.example/send', { method: 'POST', headers, body: JSON.stringify(message.data), signal })
 *     return response.ok ? ack : retry(`the mail service answered ${response.status}`)
 *   },
 * })
 * ```
 */
export function defineHandler<Data = unknown>(definition: HandlerDefinition<Data>): HandlerDefinition {
  if (typeof definition !== 'object' || definition === null) throw new TypeError('defineHandler: takes an object')
  const { type, handle, timeoutMs, schema } = definition
  if (typeof type !== 'string' || type === '' || type.length > 200) {
    throw new TypeError('defineHandler: `type` must be a text of 1 to 200 characters')
  }
  if (typeof handle !== 'function') throw new TypeError(`defineHandler(${type}): \`handle\` must be a function`)
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs >= 1 && timeoutMs <= 2_147_483_647)) {
    throw new TypeError(`defineHandler(${type}): \`timeoutMs\` must be a number of milliseconds from 1 to 2147483647`)
  }
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new TypeError(`defineHandler(${type}): \`schema\` must be a Standard Schema (zod, valibot, arktype …)`)
  }
  const { destination, isolation, shouldRetry } = definition
  if (isolation !== undefined && isolation !== 'none' && isolation !== 'thread') {
    throw new TypeError(`defineHandler(${type}): \`isolation\` must be 'none' or 'thread'`)
  }
  if (destination !== undefined && (typeof destination !== 'string' || destination === '' || destination.length > 200)) {
    throw new TypeError(`defineHandler(${type}): \`destination\` must be a text of 1 to 200 characters`)
  }
  if (shouldRetry !== undefined && typeof shouldRetry !== 'function') {
    throw new TypeError(`defineHandler(${type}): \`shouldRetry\` must be a function`)
  }
  requireRetryPatch(definition.retry, `defineHandler(${type}): \`retry\``)
  definitions.add(definition)
  // What the data is concerns the handler alone: the engine hands it what the schema has let through.
  return definition as HandlerDefinition
}

/** True for what defineHandler() returned. */
export const isHandlerDefinition = (value: unknown): value is HandlerDefinition =>
  typeof value === 'object' && value !== null && definitions.has(value)
