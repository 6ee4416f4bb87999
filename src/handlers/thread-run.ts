/** One run as its thread sees it: signal, log, publishing and secrets, through a port to the node's own thread. */
import { inspect } from 'node:util'
import type { MessagePort } from 'node:worker_threads'
import { AppError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { type Concealer, createConcealer } from './concealer.ts'
import type { HandlerContext, HandlerLogger } from './define-handler.ts'
import type { FromThread, RunMessage, SentError, ToThread } from './thread-messages.ts'

export interface ThreadRun extends Pick<HandlerContext, 'signal' | 'logger' | 'publish' | 'secret'> {
  readonly message: RunMessage
  readonly concealer: Concealer
  isOpen(): boolean
  /** Says that the handler has thrown where nobody could catch it. */
  crash(outcome: Outcome): void
  close(): void
}

/** A handler in an endless loop must not fill the node's memory with what nobody can take in time. */
const maxLines = 1_000
const maxUnanswered = 1_000

export function openThreadRun(port: MessagePort, { tenantId, id, type }: RunMessage): ThreadRun {
  const abort = new AbortController()
  const unanswered = new Map<number, PromiseWithResolvers<string>>()
  const concealer = createConcealer()
  let asked = 0
  let lines = 0
  let open = true
  const send = (message: FromThread): void => port.postMessage(message)

  port.on('message', (message: ToThread) => {
    if (message.kind === 'abort') return abort.abort(new Error(message.reason))
    const waiting = unanswered.get(message.number)
    unanswered.delete(message.number)
    if (message.kind === 'answered') waiting?.resolve(message.value)
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

  const ask = async (question: Unnumbered<Extract<FromThread, { readonly number: number }>>): Promise<string> => {
    const { kind } = question
    if (!open) throw new AppError('internal', `${kind}: the handler has already answered`)
    if (unanswered.size >= maxUnanswered) throw new AppError('broker.window_full', `${kind}: too many at once`, { retryable: true })
    asked += 1
    const answer = Promise.withResolvers<string>()
    send({ ...question, number: asked })
    unanswered.set(asked, answer)
    return answer.promise
  }

  return {
    message: { tenantId, id, type },
    concealer,
    signal: abort.signal,
    logger: {
      debug: (message, details) => log('debug', message, details),
      info: (message, details) => log('info', message, details),
      warn: (message, details) => log('warn', message, details),
      error: (message, details) => log('error', message, details),
    },
    publish: (message) => ask({ kind: 'publish', message }),
    secret: async (name) => concealer.add(await ask({ kind: 'secret', name })),
    isOpen: () => open,
    crash: (outcome) => send({ kind: 'crashed', outcome }),
    close() {
      open = false
      port.close()
    },
  }
}

type Unnumbered<Question> = Question extends unknown ? Omit<Question, 'number'> : never

function toError({ name, message, code, retryable }: SentError): Error {
  if (code !== undefined) return new AppError(code, message, { retryable: retryable === true })
  const error = new Error(message)
  error.name = name
  return error
}
