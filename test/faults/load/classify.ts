/** What an answer to a publish promises, as docs/errors.md has it. */
import type { PublishOutcome } from '../history/history.ts'

export interface AnswerFacts {
  /** 0 when there was no answer. */
  readonly status: number
  /** Of the problem, or of the error when there was no answer. */
  readonly code: string | null
  readonly isBatch: boolean
  /** It was sent with an Idempotency-Key. */
  readonly hasKey: boolean
}

/** Nothing was sent to the engine at all. */
const neverSent = ['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT']
/** RabbitMQ may keep what it has refused: a nack promises nothing. */
const unknown = ['broker.unknown_outcome', 'broker.refused']
/** Said before the first message of a batch is sent. */
const saidAtTheDoor = ['node.draining', 'broker.window_full', 'broker.blocked', 'database.unavailable']

/**
 * | answer                                              | outcome |
 * | 202                                                 | ok      |
 * | 4xx, or nobody was there                            | fail    |
 * | 503 before anything was sent, or for one message    | fail    |
 * | 503 "outcome unknown", or in the middle of a batch  | info    |
 * | 503 with a key: it says only "repeat with that key" | info    |
 * | any other, or none                                  | info    |
 */
export function classifyAnswer({ status, code, isBatch, hasKey }: AnswerFacts): PublishOutcome {
  if (status === 202) return 'ok'
  if (status === 0) return neverSent.includes(code ?? '') ? 'fail' : 'info'
  if (status >= 400 && status < 500) return 'fail'
  if (status !== 503 || hasKey || code === null || unknown.includes(code)) return 'info'
  return isBatch && !saidAtTheDoor.includes(code) ? 'info' : 'fail'
}
