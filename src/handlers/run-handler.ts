/** Runs a user's handler for one delivery: parse, validate, deadline, outcome. Nothing escapes as an exception. */
import { errorText } from '../core/errors.ts'
import type { Delivery } from '../core/message.ts'
import { ack, isOutcome, type Outcome, reject, retry } from '../core/outcome.ts'
import type { Handler, RunContext } from '../core/ports/handlers.ts'
import type { HandlerContext, HandlerDefinition, HandlerLogger, HandlerMessage, HandlerPublish, SchemaResult } from './define-handler.ts'

export interface HandlerServices {
  readonly defaultTimeoutMs: number
  readonly loggerFor: (delivery: Delivery) => HandlerLogger
  readonly publishFor: (delivery: Delivery) => (message: HandlerPublish) => Promise<string>
}

/**
 * Makes a handler of a definition.
 *
 * | what happens                          | outcome |
 * | returns nothing or `ack`              | ack     |
 * | returns `retry` or `reject`           | that    |
 * | returns anything else                 | reject  |
 * | data is not JSON or fails the schema  | reject  |
 * | throws, rejects, misses its deadline  | retry   |
 */
export function toHandler(definition: HandlerDefinition, services: HandlerServices): Handler {
  const timeoutMs = definition.timeoutMs ?? services.defaultTimeoutMs
  return {
    type: definition.type,
    idempotent: false,
    run: (delivery, context) => runWithDeadline(definition, delivery, context, services, timeoutMs),
  }
}

const stopped = retry('the node stopped before the handler had answered')

async function runWithDeadline(
  definition: HandlerDefinition,
  delivery: Delivery,
  context: RunContext,
  services: HandlerServices,
  timeoutMs: number,
): Promise<Outcome> {
  if (context.signal.aborted) return stopped
  const deadline = new AbortController()
  const signal = AbortSignal.any([context.signal, deadline.signal])
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  const gaveUp = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort(new Error(`the handler's deadline of ${timeoutMs} ms has passed`))
      resolve(retry(`the handler did not answer within its deadline of ${timeoutMs} ms`))
    }, timeoutMs)
    onAbort = () => resolve(stopped)
    context.signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    // A result that comes after the deadline is ignored: the race is over.
    return await Promise.race([gaveUp, run(definition, delivery, context, services, signal)])
  } finally {
    clearTimeout(timer)
    if (onAbort) context.signal.removeEventListener('abort', onAbort)
  }
}

async function run(
  definition: HandlerDefinition,
  delivery: Delivery,
  runContext: RunContext,
  services: HandlerServices,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const data = await readData(definition, delivery)
    if ('fault' in data) return reject(data.fault)
    const context: HandlerContext = {
      tenant: { id: delivery.tenantId, config: runContext.config },
      attempt: delivery.attempt,
      signal,
      logger: services.loggerFor(delivery),
      publish: services.publishFor(delivery),
    }
    const answer: unknown = await definition.handle(toMessage(delivery, data.value), context)
    if (answer === undefined) return ack
    return isOutcome(answer) ? answer : reject('the handler returned something that is not ack, retry or reject')
  } catch (thrown) {
    return retry(`the handler failed: ${errorText(thrown)}`)
  }
}

async function readData(definition: HandlerDefinition, delivery: Delivery): Promise<{ value: unknown } | { fault: string }> {
  let parsed: unknown
  try {
    parsed = JSON.parse(delivery.text())
  } catch {
    return { fault: 'the message data is not JSON' }
  }
  if (!definition.schema) return { value: parsed }
  const result: SchemaResult<unknown> = await definition.schema['~standard'].validate(parsed)
  if (!result.issues) return { value: result.value }
  const first = result.issues[0]
  const path = ['data', ...(first?.path ?? []).map(toPathSegment)].join('.')
  return { fault: `${path}: ${first?.message ?? 'invalid'}` }
}

const toPathSegment = (segment: unknown): string =>
  typeof segment === 'object' && segment !== null && 'key' in segment ? String(segment.key) : String(segment)

const toMessage = (delivery: Delivery, data: unknown): HandlerMessage => ({
  id: delivery.id,
  tenantId: delivery.tenantId,
  type: delivery.type,
  data,
  priority: delivery.priority,
  key: delivery.key,
  createdAt: new Date(delivery.createdAtMs),
})
