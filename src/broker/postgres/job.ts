/** A message as the data of a pg-boss job, and back. */
import type { MessageId } from '../../core/ids.ts'
import { readMessageId } from '../../core/ids.ts'
import type { OutboundMessage, Priority } from '../../core/message.ts'
import { formatTrace, readTrace } from '../../core/trace.ts'

/**
 * The data of a job in a tenant's queue. The job has an id of its own: a message may be published again while its first
 * delivery is not yet acknowledged, and a job with the message's id would be dropped by then.
 */
export interface JobData {
  readonly id: MessageId
  readonly type: string
  readonly priority: Priority
  readonly key: string | null
  readonly createdAtMs: number
  readonly readyAtMs: number
  readonly attempt: number
  readonly firstAttempt: number
  /** Absent when nobody traces. */
  readonly trace?: string | undefined
  /** JSON text inside a string: the database stores it and never looks into it. */
  readonly body: string
}

/** The data of a job in a dead-letter queue: a job that could not be read, as it came, and why. */
export interface DeadLetterData {
  readonly reason: string
  readonly raw: unknown
}

/** One claim of one job: settling it has no effect once somebody else has claimed it. */
export interface Claim {
  readonly id: string
  readonly retryCount: number
}

export const toJobData = (message: OutboundMessage): JobData => ({
  id: message.id,
  type: message.type,
  priority: message.priority,
  key: message.key,
  createdAtMs: message.createdAtMs,
  readyAtMs: message.readyAtMs,
  attempt: message.attempt,
  firstAttempt: message.firstAttempt,
  trace: message.trace,
  body: message.body,
})

/** The job's message, or what it lacks. A job of an earlier version has neither readyAtMs nor firstAttempt. */
export function readJobData(data: unknown): { readonly data: JobData } | { readonly fault: string } {
  if (typeof data !== 'object' || data === null) return { fault: 'the job has no data' }
  const { id, type, priority, key, createdAtMs, readyAtMs, attempt, firstAttempt, trace, body } = data as Record<string, unknown>
  const messageId = typeof id === 'string' ? readMessageId(id) : undefined
  if (messageId === undefined) return { fault: 'id is not a UUID' }
  if (typeof type !== 'string' || type === '') return { fault: 'type is missing' }
  if (priority !== 0 && priority !== 1 && priority !== 2) return { fault: 'priority is not 0, 1 or 2' }
  if (key !== null && typeof key !== 'string') return { fault: 'key is neither text nor null' }
  if (!isEpochMs(createdAtMs)) return { fault: 'createdAtMs is not a time in milliseconds' }
  if (!isAttempt(attempt)) return { fault: 'attempt is not a whole number from 1 to 32767' }
  if (typeof body !== 'string') return { fault: 'body is missing' }
  return {
    data: {
      id: messageId,
      type,
      priority,
      key,
      createdAtMs,
      readyAtMs: isEpochMs(readyAtMs) ? readyAtMs : createdAtMs,
      attempt,
      firstAttempt: isAttempt(firstAttempt) && firstAttempt <= attempt ? firstAttempt : 1,
      trace: readKeptTrace(trace),
      body,
    },
  }
}

/** The order of delivery: urgent first, then the oldest; UUIDv7 ids order what one millisecond made. */
export function compareJobData(a: JobData, b: JobData): number {
  return b.priority - a.priority || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1)
}

/** Only what can be stored again: anybody may have put the job there. */
export function readKeptTrace(text: unknown): string | undefined {
  const trace = typeof text === 'string' ? readTrace(text) : undefined
  return trace && formatTrace(trace)
}

/** What the database can store, and a Date can be. */
export const isEpochMs = (value: unknown): value is number => isWholeNumber(value, 0, 8.64e15)
export const isAttempt = (value: unknown): value is number => isWholeNumber(value, 1, 32_767)

const isWholeNumber = (value: unknown, least: number, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
