/** Which of the engine's errors a failure of the database is. Pure. */
import { AppError, errorText } from '../core/errors.ts'

/** The fields of PostgreSQL's error report that decisions are made on; its texts are localized, so they are not. */
interface ServerError extends Error {
  readonly code: string
  readonly detail?: string
  readonly constraint?: string
  readonly table?: string
  readonly routine?: string
}

/** Classes: data, integrity, program limit, feature not supported. The statement will fail again as it is. */
const refusingClasses = new Set(['22', '23', '54', '0A'])
const uuidInText = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/**
 * Tells what a failed statement means for its caller.
 *
 * | SQLSTATE                                   | code                 | retryable |
 * | 23514 without a constraint's name          | partition.missing    | no        |
 * | class 22, 23, 54, 0A                       | database.refused_row | no        |
 * | everything else, and no SQLSTATE at all    | database.unavailable | yes       |
 *
 * An unknown error is retryable: losing a message because of it would be worse. `details` has `sqlState` and, for a missing
 * partition, `tenantId`. The cause keeps message and stack but none of the fields in which PostgreSQL quotes rows.
 *
 * Errors: none; total. An AppError is returned as it is.
 */
export function toDatabaseError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  if (!isServerError(thrown)) {
    return new AppError('database.unavailable', `the database did not answer: ${errorText(thrown)}`, {
      retryable: true,
      scope: 'connection',
      cause: thrown,
    })
  }
  const cause = withoutRow(thrown)
  const details = { sqlState: thrown.code, ...(thrown.constraint === undefined ? {} : { constraint: thrown.constraint }) }
  if (thrown.code === '23514' && thrown.constraint === undefined) {
    const tenantId = uuidInText.exec(thrown.detail ?? '')?.[0]
    const where = tenantId === undefined ? details : { ...details, tenantId }
    return new AppError('partition.missing', 'a tenant has no partition', { scope: 'tenant', details: where, cause })
  }
  if (refusingClasses.has(thrown.code.slice(0, 2))) {
    return new AppError('database.refused_row', `the database refused the data: ${errorText(thrown)}`, { scope: 'message', details, cause })
  }
  return new AppError('database.unavailable', `the database failed: ${errorText(thrown)}`, {
    retryable: true,
    scope: 'connection',
    details,
    cause,
  })
}

/** The SQLSTATE that PostgreSQL answered with; undefined for any other error, as a lost connection. */
export function readSqlState(thrown: unknown): string | undefined {
  if (thrown instanceof AppError) return typeof thrown.details.sqlState === 'string' ? thrown.details.sqlState : undefined
  return isServerError(thrown) ? thrown.code : undefined
}

/** True for a statement that lost a race for a lock and may win the next: lock timeout, deadlock, a concurrent change of the catalog. */
export function isLockConflict(thrown: unknown): boolean {
  const state = readSqlState(thrown)
  return state === '55P03' || state === '40P01' || state === '40001' || state === 'XX000' || state === '55006'
}

/** True when the server refused a statement and its connection is as good as before. */
export function isConnectionIntact(thrown: unknown): boolean {
  const state = readSqlState(thrown)
  return state !== undefined && !/^(08|57P|25P03|25P04|XX)/.test(state)
}

function isServerError(thrown: unknown): thrown is ServerError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' && /^[0-9A-Z]{5}$/.test(thrown.code)
}

function withoutRow(error: ServerError): Error {
  const safe = Object.assign(new Error(error.message), { code: error.code, table: error.table, routine: error.routine })
  if (error.stack !== undefined) safe.stack = error.stack
  return safe
}
