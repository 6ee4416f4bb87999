/** Runs a user's handler in a thread of its own, and ends the thread when it does not answer. */
import { MessageChannel } from 'node:worker_threads'
import { AppError, toError } from '../core/errors.ts'
import type { Delivery } from '../core/message.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Handler, RunContext } from '../core/ports/handlers.ts'
import { createConcealer } from './concealer.ts'
import type { HandlerDefinition } from './define-handler.ts'
import { deadlineExceeded, failedWith, handlerExited, notLoaded, outOfMemory, stopped } from './failed-run.ts'
import type { HandlerServices } from './run-handler.ts'
import type { FromThread, SentError, ThreadTask, ToThread } from './thread-messages.ts'
import type { ThreadPool, Threads } from './thread-pool.ts'

/** How long a thread may take to start and to load the handler's file. */
const startLimitMs = 30_000
/** How long a handler may take to answer its abort. One that spins cannot hear it. */
const graceMs = 100

/**
 * How a definition of `file` is run.
 *
 * | what happens                                     | outcome | the thread |
 * | answers                                          | its own | goes on    |
 * | misses its deadline, and answers the abort       | retry   | goes on    |
 * | misses its deadline, and does not                | retry   | is ended   |
 * | exceeds the memory limit                         | retry   | is ended   |
 * | throws where no promise of it can catch          | retry   | is ended   |
 * | calls process.exit()                             | retry   | has ended  |
 *
 * The time that it waits for a free thread is not part of its deadline.
 */
export function createThreadRun(
  definition: HandlerDefinition,
  file: string,
  services: HandlerServices,
  threads: ThreadPool,
): Handler['run'] {
  const settings = { file, timeoutMs: definition.timeoutMs ?? services.defaultTimeoutMs, memoryMb: threads.memoryMb, services }
  return async (delivery, context) => {
    const { signal } = context
    if (signal.aborted) return stopped
    let onAbort: (() => void) | undefined
    const aborted = new Promise<Outcome>((resolve) => {
      onAbort = () => resolve(stopped)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    const answered = threads.use(delivery.tenantId, async (free) => (signal.aborted ? stopped : runOnce(delivery, context, settings, free)))
    try {
      return await Promise.race([answered, aborted])
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort)
    }
  }
}

interface RunSettings {
  readonly file: string
  readonly timeoutMs: number
  readonly memoryMb: number
  readonly services: HandlerServices
}

async function runOnce(delivery: Delivery, context: RunContext, settings: RunSettings, threads: Threads): Promise<Outcome> {
  const { timeoutMs, memoryMb, services } = settings
  const { port1: port, port2 } = new MessageChannel()
  const thread = new AbortController()
  const concealer = createConcealer()
  const logger = concealer.logger(services.loggerFor(delivery, context.span?.context))
  /** Set when this side decides; what the thread answers counts no more then. */
  let verdict: Outcome | undefined
  let over = false
  let unwatch: (() => void) | undefined

  const end = (outcome: Outcome): void => {
    verdict ??= outcome
    thread.abort()
  }
  let timer = setTimeout(() => end(notLoaded(new Error(`it was not ready after ${startLimitMs} ms`))), startLimitMs)
  const giveUp = (outcome: Outcome, reason: string): void => {
    verdict ??= outcome
    port.postMessage({ kind: 'abort', reason } satisfies ToThread)
    clearTimeout(timer)
    timer = setTimeout(() => thread.abort(), graceMs)
  }
  const begin = (threadId: number): void => {
    if (over || verdict) return
    clearTimeout(timer)
    timer = setTimeout(() => giveUp(deadlineExceeded(timeoutMs), `the handler's deadline of ${timeoutMs} ms has passed`), timeoutMs)
    context.onDeadline?.(delivery, Date.now() + timeoutMs)
    const worker = threads.find(threadId)
    if (worker) unwatch = threads.memoryWatch.add(worker, () => end(outOfMemory(memoryMb)))
  }
  const ask = async (question: Question): Promise<string> => {
    if (question.kind === 'publish') return services.publishFor(delivery, context.span?.context)(question.message)
    return concealer.add(await services.secretFor(delivery)(question.name))
  }
  port.on('message', (message: FromThread) => {
    if (message.kind === 'begun') return begin(message.threadId)
    if (message.kind === 'log') return logger[message.level](message.message, message.details)
    if (message.kind !== 'crashed') void answer(message.number, () => ask(message)).then((reply) => port.postMessage(reply))
    else if (!over) end(message.outcome)
  })
  const onAbort = (): void => giveUp(stopped, 'the node is stopping')
  context.signal.addEventListener('abort', onAbort, { once: true })

  try {
    const task = toTask(delivery, context, settings.file, port2)
    const outcome: Outcome = await threads.pool.run(task, { transferList: [port2], signal: thread.signal })
    return concealer.outcome(verdict ?? outcome)
  } catch (thrown) {
    // The thread that answers closes the port, when everything in it has arrived; this one may never have had it.
    port.close()
    return concealer.outcome(verdict ?? toOutcome(thrown, memoryMb))
  } finally {
    over = true
    clearTimeout(timer)
    unwatch?.()
    context.signal.removeEventListener('abort', onAbort)
  }
}

const toTask = (delivery: Delivery, { config, span }: RunContext, file: string, port: ThreadTask['port']): ThreadTask => {
  const { id, tenantId, type, priority, key, createdAtMs, attempt } = delivery
  return {
    file,
    message: { id, tenantId, type, priority, key, createdAtMs, text: delivery.text() },
    tenant: { id: tenantId, config },
    attempt,
    trace: span?.context,
    port,
  }
}

type Question = Extract<FromThread, { readonly number: number }>

async function answer(number: number, ask: () => Promise<string>): Promise<ToThread> {
  try {
    return { kind: 'answered', number, value: await ask() }
  } catch (thrown) {
    return { kind: 'refused', number, error: toSentError(toError(thrown)) }
  }
}

const toSentError = (error: Error): SentError => ({
  name: error.name,
  message: error.message,
  ...(error instanceof AppError ? { code: error.code, retryable: error.retryable } : {}),
})

/** For a thread that has ended while it had the message. */
function toOutcome(thrown: unknown, memoryMb: number): Outcome {
  const error = toError(thrown)
  if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') return outOfMemory(memoryMb)
  const exit = /^worker exited with code: (-?\d+)$/.exec(error.message)
  if (exit?.[1] !== undefined) return handlerExited(exit[1])
  // The pool has been closed.
  if (error.name === 'AbortError' || error.message === 'Terminating worker thread') return stopped
  return failedWith(thrown)
}
