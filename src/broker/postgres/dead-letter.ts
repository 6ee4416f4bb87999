/** Reads a job of a dead-letter queue. */
import { readMessageId, type TenantId } from '../../core/ids.ts'
import type { DeadLetter } from '../../core/ports/broker.ts'
import { type DeadLetterData, isAttempt, isEpochMs, readKeptTrace } from './job.ts'
import type { ClaimedJob } from './queue-io.ts'

/**
 * The letter, whatever it is made of.
 *
 * | the job's data                          | reason      | detail             | fields and body are those of |
 * | DeadLetterData: we could not read it    | undecodable | what it lacks      | `raw`                        |
 * | anything else: somebody has put it there | unknown     | `reason`, if it has | the data itself               |
 *
 * Shape: the body is the text `body` when there is one, otherwise all of it as JSON.
 */
export function toDeadLetter(tenantId: TenantId, job: ClaimedJob): DeadLetter {
  const isBuried = isDeadLetterData(job.data)
  const raw = isDeadLetterData(job.data) ? job.data.raw : job.data
  const { id, type, priority, key, createdAtMs, attempt, trace, body } = toRecord(raw)
  const { reason } = toRecord(job.data)
  return {
    tenantId,
    id: typeof id === 'string' ? readMessageId(id) : undefined,
    type: typeof type === 'string' && type !== '' ? type : undefined,
    priority: priority === 1 || priority === 2 ? priority : 0,
    key: typeof key === 'string' ? key : null,
    createdAtMs: isEpochMs(createdAtMs) ? createdAtMs : Date.now(),
    attempt: isAttempt(attempt) ? attempt : 1,
    trace: readKeptTrace(trace),
    body: Buffer.from(typeof body === 'string' ? body : (JSON.stringify(raw) ?? '')),
    reason: isBuried ? 'undecodable' : 'unknown',
    detail: typeof reason === 'string' && reason !== '' ? reason.replaceAll(/\s+/g, ' ').slice(0, 500) : 'the job names no reason',
    redelivered: job.retryCount > 0,
  }
}

function isDeadLetterData(data: unknown): data is DeadLetterData {
  const { reason, raw } = toRecord(data)
  return typeof reason === 'string' && raw !== undefined
}

const toRecord = (value: unknown): { readonly [field: string]: unknown } =>
  typeof value === 'object' && value !== null ? { ...value } : {}
