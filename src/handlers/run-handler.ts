/** Makes a handler of what a user has defined. In the node's own thread it runs here: call, deadline, outcome. */
import type { Delivery } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Handler, RunContext } from '../core/ports/handlers.ts'
import type { TraceContext } from '../core/trace.ts'
import { callHandler } from './call-handler.ts'
import { createConcealer } from './concealer.ts'
import type { HandlerDefinition, HandlerLogger, HandlerPublish } from './define-handler.ts'
import { deadlineExceeded, failedWith, stopped } from './failed-run.ts'
import { askShouldRetry } from './should-retry.ts'
import { callAttributed } from './stray-errors.ts'

export interface HandlerServices {
  readonly defaultTimeoutMs: number
  /** `trace` is that of the attempt; undefined when nobody traces. */
  readonly loggerFor: (message: Pick<Delivery, 'tenantId' | 'id' | 'type'>, trace?: TraceContext) => HandlerLogger
  readonly publishFor: (delivery: Delivery, trace?: TraceContext) => (message: HandlerPublish) => Promise<string>
  readonly secretFor: (delivery: Delivery) => (name: string) => Promise<string>
}

/**
 * Makes a handler of a definition; `run` is how it is run.
 *
 * | what happens                          | outcome |
 * | returns nothing or `ack`              | ack     |
 * | returns `retry` or `reject`           | that    |
 * | returns anything else                 | reject  |
 * | data is not JSON or fails the schema  | reject  |
 * | throws, rejects, misses its deadline  | retry   |
 * | throws where nobody waits for it      | retry   |
 */
export function toHandler(
  definition: HandlerDefinition,
  services: HandlerServices,
  run: Handler['run'] = (delivery, context) => runHere(definition, delivery, context, services),
): Handler {
  return { type: definition.type, idempotent: false, run, ...toRetryTraits(definition, services) }
}

/** What a definition says about failures; the same however its handler runs. */
function toRetryTraits(
  definition: HandlerDefinition,
  services: Pick<HandlerServices, 'loggerFor'>,
): Pick<Handler, 'retry' | 'destination' | 'shouldRetry'> {
  const { retry: policy, destination, shouldRetry } = definition
  return {
    ...(policy === undefined ? {} : { retry: policy }),
    ...(destination === undefined ? {} : { destination }),
    ...(shouldRetry && {
      shouldRetry: (failed, context) =>
        askShouldRetry(definition, failed, context, services.loggerFor({ ...failed, type: definition.type })),
    }),
  }
}

async function runHere(
  definition: HandlerDefinition,
  delivery: Delivery,
  runContext: RunContext,
  services: HandlerServices,
): Promise<Outcome> {
  if (runContext.signal.aborted) return stopped
  const timeoutMs = definition.timeoutMs ?? services.defaultTimeoutMs
  const { span } = runContext
  const trace = span?.context
  const deadline = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  const gaveUp = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort(new Error(`the handler's deadline of ${timeoutMs} ms has passed`))
      resolve(deadlineExceeded(timeoutMs))
    }, timeoutMs)
    runContext.onDeadline?.(delivery, Date.now() + timeoutMs)
    onAbort = () => resolve(stopped)
    runContext.signal.addEventListener('abort', onAbort, { once: true })
  })
  const concealer = createConcealer()
  const logger = concealer.logger(services.loggerFor(delivery, trace))
  const stray = Promise.withResolvers<Outcome>()
  const onStray = (error: unknown): void => {
    logger.error('a handler threw an error where nobody waits for it', { error })
    stray.resolve(failedWith(error))
  }
  const handle = () =>
    callHandler(definition, delivery, {
      tenant: { id: delivery.tenantId, config: runContext.config },
      attempt: delivery.attempt,
      trace,
      signal: AbortSignal.any([runContext.signal, deadline.signal]),
      logger,
      publish: services.publishFor(delivery, trace),
      secret: async (name) => concealer.add(await services.secretFor(delivery)(name)),
    })
  const call = span ? () => span.run(handle) : handle
  try {
    // A result that comes after the deadline is ignored: the race is over.
    return concealer.outcome(await Promise.race([gaveUp, stray.promise, callAttributed(onStray, call)]))
  } finally {
    clearTimeout(timer)
    if (onAbort) runContext.signal.removeEventListener('abort', onAbort)
  }
}
