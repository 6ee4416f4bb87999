/** One run as its thread sees it: signal, log and publishing, through a port to the node's own thread. */
import { inspect } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import { AppError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import type { HandlerContext, HandlerLogger } from './define-handler.ts'
import type { FromThread, RunMessage, SentError, ToThread } from './thread-messages.ts'

export interface ThreadRun extends Pick<HandlerContext, 'signal' | 'logger' | 'publish'> {
  readonly message: RunMessage
  isOpen(): boolean
  /** Says that the handler has thrown where nobody could catch it. */
  crash(outcome: Outcome): void
  close(): void
}

/** A handler in an endless loop must not fill the node's memory with what nobody can take in time. */
const maxLines = 1_000
const maxUnansweredPublishes = 1_000

export function openThreadRun(port: MessagePort, { tenantId, id, type }: RunMessage): ThreadRun {
  const abort = new AbortController()
  const unanswered = new Map<number, PromiseWithResolvers<string>>()
  let publishes = 0
  let lines = 0
  let open = true
  const send = (message: FromThread): void => port.postMessage(message)

  port.on('message', (message: ToThread) => {
    if (message.kind === 'abort') return abort.abort(new Error(message.reason))
    const waiting = unanswered.get(message.number)
    unanswered.delete(message.number)
    if (message.kind === 'published') waiting?.resolve(message.id)
    else waiting?.reject(toError(message.error))
  })

  const log = (level: keyof HandlerLogger, message: string, details?: object): void => {
    lines += 1
    if (lines > maxLines) return
    if (lines === maxLines) {
      send({ kind: 'log', level: 'warn', message: `this run has logged ${maxLines} lines; the rest is left out` })
      return
    }
    try {
      send({ kind: 'log', level, message: String(message), ...(details === undefined ? {} : { details }) })
    } catch {
      // A function or a socket, say, cannot be sent.
      send({ kind: 'log', level, message: String(message), details: { details: inspect(details) } })
    }
  }

  return {
    message: { tenantId, id, type },
    signal: abort.signal,
    logger: {
      debug: (message, details) => log('debug', message, details),
      info: (message, details) => log('info', message, details),
      warn: (message, details) => log('warn', message, details),
      error: (message, details) => log('error', message, details),
    },
    async publish(message) {
      if (!open) throw new AppError('internal', 'publish: the handler has already answered')
      if (unanswered.size >= maxUnansweredPublishes)
        throw new AppError('broker.window_full', 'publish: too many at once', { retryable: true })
      publishes += 1
      const answer = Promise.withResolvers<string>()
      send({ kind: 'publish', number: publishes, message })
      unanswered.set(publishes, answer)
      return answer.promise
    },
    isOpen: () => open,
    crash: (outcome) => send({ kind: 'crashed', outcome }),
    close() {
      open = false
      port.close()
    },
  }
}

function toError({ name, message, code, retryable }: SentError): Error {
  if (code !== undefined) return new AppError(code, message, { retryable: retryable === true })
  const error = new Error(message)
  error.name = name
  return error
}
