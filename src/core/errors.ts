/** The one error type of the engine: what happened, whether trying again can help, and how far it reaches. */

export type ErrorScope = 'message' | 'channel' | 'connection' | 'tenant' | 'process'

export type ErrorCode =
  | 'config.invalid'
  | 'broker.unavailable'
  | 'broker.blocked'
  | 'broker.unknown_outcome'
  | 'broker.refused'
  | 'broker.window_full'
  | 'queue.missing'
  | 'database.unavailable'
  | 'database.refused_row'
  | 'partition.missing'
  | 'tenant.missing'
  | 'tenant.deleting'
  | 'tenant.draining'
  | 'tenant.name_taken'
  | 'tenant.version_mismatch'
  | 'tenant.not_converged'
  | 'message.missing'
  | 'message.not_cancellable'
  | 'failed_message.missing'
  | 'failed_message.not_retryable'
  | 'failed_message.not_discardable'
  | 'user.missing'
  | 'user.name_taken'
  | 'user.last_owner'
  | 'session.missing'
  | 'invitation.missing'
  | 'invitation.invalid'
  | 'api_key.missing'
  | 'api_key.rotated'
  | 'secret.missing'
  | 'secret.too_many'
  | 'registration.closed'
  | 'auth.issuer_unavailable'
  | 'auth.busy'
  | 'idempotency.mismatch'
  | 'idempotency.in_progress'
  | 'handler.invalid_outcome'
  | 'handler.load_failed'
  | 'node.draining'
  | 'embedded.in_use'
  | 'embedded.failed'
  | 'internal'

export interface AppErrorOptions {
  readonly retryable?: boolean
  readonly scope?: ErrorScope
  /** JSON facts for a log line or a problem document; never a payload or a secret. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly scope: ErrorScope
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
    this.scope = options.scope ?? 'process'
    this.details = options.details ?? {}
  }
}

/** Coerces anything that was thrown to an Error, once, at the boundary where it was caught. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return new AppError('internal', typeof thrown === 'string' ? thrown : `a value that is not an Error was thrown: ${safeText(thrown)}`)
}

/** The message of anything that was thrown; one line, capped at `maxLength` characters. */
export function errorText(thrown: unknown, maxLength = 500): string {
  const error = toError(thrown)
  // Node's AggregateError (connection refused on ::1 and 127.0.0.1) has an empty message.
  const text = error.message || (error instanceof AggregateError && error.errors.length > 0 ? errorText(error.errors[0]) : error.name)
  return text.replaceAll(/\s+/g, ' ').slice(0, maxLength)
}

function safeText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}
