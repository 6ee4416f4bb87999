/** Coerces what pg and pg-boss throw to the error codes of the broker port. */
import { AppError, errorText } from '../../core/errors.ts'

const connectionErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
const connectionTexts =
  /Connection terminated|timeout exceeded when trying to connect|pool after calling end|Client was closed|not queryable/i

/** True when the error says that a connection is gone, rather than that a statement is wrong. */
export function isConnectionError(error: unknown): boolean {
  const code = readCode(error)
  if (code !== undefined && (connectionErrors.has(code) || /^(08|57P)/.test(code))) return true
  if (error instanceof AggregateError) return error.errors.some(isConnectionError)
  return connectionTexts.test(errorText(error))
}

const neverSentErrors = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const neverSentTexts = /timeout exceeded when trying to connect|due to connection timeout|pool after calling end/i

/** True when the connection was lost under a statement that may have been sent: nobody knows whether it was carried out. */
export function isOutcomeUnknown(error: unknown): boolean {
  // An SQLSTATE is the server's own answer.
  if (!isConnectionError(error) || /^[0-9A-Z]{5}$/.test(readSqlState(error))) return false
  if (error instanceof AggregateError) return error.errors.some(isOutcomeUnknown)
  return !neverSentErrors.has(readCode(error) ?? '') && !neverSentTexts.test(errorText(error))
}

const readSqlState = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'severity' in error ? (readCode(error) ?? '') : ''

/** True when the database refuses the data itself: sending it again cannot help. */
export function isDataError(error: unknown): boolean {
  return /^(22|54)/.test(readCode(error) ?? '')
}

/** True when the queue's row was deleted while a statement used it. */
export function isForeignKeyError(error: unknown): boolean {
  return readCode(error) === '23503'
}

/**
 * The AppError for a failed statement on a queue.
 *
 * | cause                                   | code               |
 * | the queue does not exist (any more)     | queue.missing      |
 * | the data cannot be stored               | broker.refused     |
 * | anything else                           | broker.unavailable |
 */
export function toBrokerError(error: unknown, queue?: string): AppError {
  if (error instanceof AppError) return error
  if (queue !== undefined && (isForeignKeyError(error) || errorText(error) === `Queue ${queue} does not exist`)) return missingQueue(queue)
  if (isDataError(error))
    return new AppError('broker.refused', `the queue refused the message: ${errorText(error)}`, { scope: 'message', cause: error })
  return new AppError('broker.unavailable', `the queue database failed: ${errorText(error)}`, {
    retryable: true,
    scope: 'connection',
    cause: error,
  })
}

export const missingQueue = (queue: string): AppError =>
  new AppError('queue.missing', `the queue ${queue} does not exist`, { scope: 'tenant', details: { queue } })

export const notConnected = (reason: string): AppError =>
  new AppError('broker.unavailable', `the broker is not connected: ${reason}`, { retryable: true, scope: 'connection' })

function readCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
