/** Maps everything that can go wrong with a request to a problem document (RFC 9457). */
import { AppError, type ErrorCode } from '../../core/errors.ts'
import { type Fault, Refusal, type RefusalCode } from '../request/refusal.ts'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly code: string
  readonly request_id: string
  readonly errors?: readonly Fault[]
  /** With an unknown outcome: the ids to repeat with. */
  readonly ids?: readonly string[]
}

export interface ProblemAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly problem: Problem
  /** False for a fault of ours: it is logged as an error. */
  readonly expected: boolean
}

/** A code's status and title; a `detail` here replaces the error's own text, which may differ from node to node. */
interface Kind {
  readonly status: number
  readonly title: string
  readonly detail?: string
  readonly retryAfterSeconds?: number
}

const unavailable = (title: string, retryAfterSeconds: number, detail?: string): Kind =>
  detail === undefined ? { status: 503, title, retryAfterSeconds } : { status: 503, title, retryAfterSeconds, detail }

const kinds: Readonly<Record<RefusalCode | 'request.too_large', Kind>> & Readonly<Partial<Record<ErrorCode, Kind>>> = {
  'request.invalid': { status: 400, title: 'Invalid request' },
  'request.malformed': { status: 400, title: 'Malformed request' },
  'request.too_large': { status: 413, title: 'Body too large' },
  'request.media_type': { status: 415, title: 'Unsupported media type' },
  'request.unprocessable': { status: 422, title: 'Cannot be done' },
  'request.timeout': { status: 408, title: 'Request too slow' },
  'request.headers_too_large': { status: 431, title: 'Headers too large' },
  'request.rate_limited': { status: 429, title: 'Too many requests' },
  'route.missing': { status: 404, title: 'No such route' },
  'route.method_not_allowed': { status: 405, title: 'Method not allowed' },
  'auth.required': { status: 401, title: 'Credentials required' },
  'auth.refused': { status: 401, title: 'Wrong credentials' },
  'auth.forbidden': { status: 403, title: 'Not allowed' },
  'auth.throttled': { status: 429, title: 'Too many attempts' },
  'auth.issuer_unavailable': unavailable('Identity provider unavailable', 2, 'The identity provider cannot be reached.'),
  'auth.busy': {
    status: 429,
    title: 'Too many passwords at once',
    detail: 'Too many passwords are being set at this moment.',
    retryAfterSeconds: 1,
  },
  'registration.closed': { status: 403, title: 'Registration is closed', detail: 'This installation does not accept such a registration.' },
  'user.missing': { status: 404, title: 'No such user', detail: 'There is no such user.' },
  'user.name_taken': { status: 409, title: 'Username taken', detail: 'Another user of the tenant has this name.' },
  'user.last_owner': { status: 409, title: 'Last owner', detail: 'The tenant’s last owner stays one; make somebody else an owner first.' },
  'session.missing': { status: 404, title: 'No such session', detail: 'There is no such session.' },
  'invitation.missing': { status: 404, title: 'No such invitation', detail: 'There is no such invitation.' },
  'invitation.invalid': {
    status: 422,
    title: 'Invitation not valid',
    detail: 'The invitation is unknown, used, expired, or for another username.',
  },
  'api_key.missing': { status: 404, title: 'No such API key', detail: 'There is no such API key.' },
  'api_key.rotated': {
    status: 409,
    title: 'API key rotated before',
    detail: 'Another API key has taken the place of this one; rotate that one.',
  },
  'secret.missing': { status: 404, title: 'No such secret', detail: 'There is no secret of this name.' },
  'secret.too_many': { status: 409, title: 'Too many secrets', detail: 'The tenant has as many secrets as it can have; delete one first.' },
  'actor.missing': { status: 404, title: 'No such actor', detail: 'There is no such actor.' },
  'machine.missing': { status: 404, title: 'No such machine', detail: 'There is no such machine.' },
  'flight_record.missing': { status: 404, title: 'No such flight record', detail: 'There is no such flight record.' },
  'message.missing': { status: 404, title: 'No such message', detail: 'There is no such message.' },
  'message.not_cancellable': {
    status: 409,
    title: 'Cannot be cancelled',
    detail: 'Only a message that waits for its time can be cancelled; this one is in the queue, or its outcome is recorded.',
  },
  'failed_message.missing': { status: 404, title: 'No such failed message' },
  'failed_message.not_retryable': { status: 409, title: 'Cannot be retried' },
  'failed_message.not_discardable': { status: 409, title: 'Cannot be discarded' },
  'idempotency.mismatch': {
    status: 409,
    title: 'Idempotency-Key used before',
    detail: 'This Idempotency-Key was used with another body.',
  },
  'idempotency.in_progress': {
    status: 409,
    title: 'Request in progress',
    detail: 'Another request with this Idempotency-Key has not been answered yet.',
    retryAfterSeconds: 1,
  },
  'tenant.missing': { status: 404, title: 'No such tenant', detail: 'There is no such tenant.' },
  'tenant.deleting': { status: 409, title: 'Tenant is being deleted', detail: 'The tenant is being deleted.' },
  'tenant.draining': {
    status: 409,
    title: 'Tenant is draining',
    detail: 'The tenant finishes its queue and accepts no messages; resume it first.',
  },
  'tenant.name_taken': { status: 409, title: 'Name taken', detail: 'Another tenant has this name.' },
  'tenant.version_mismatch': { status: 412, title: 'Tenant has changed', detail: 'The tenant has changed since the given If-Match.' },
  'tenant.not_converged': unavailable('Change not applied yet', 1, 'The change is stored; the tenant had not followed in time.'),
  'queue.missing': { status: 404, title: 'No such queue', detail: 'The tenant has no queue.' },
  'broker.window_full': unavailable('Too many messages in flight', 1, 'Too many messages wait for the broker.'),
  'broker.blocked': unavailable('Broker accepts no messages', 5, 'The broker accepts no messages.'),
  'broker.unavailable': unavailable('Broker unavailable', 2, 'The broker cannot be reached.'),
  'broker.refused': unavailable('Broker refused the message', 1, 'The broker refused the message.'),
  'broker.unknown_outcome': unavailable(
    'Outcome unknown',
    1,
    'Unknown whether the message was accepted: repeat with the same `ids`, or as it was when it had an Idempotency-Key.',
  ),
  'database.unavailable': unavailable('Database unavailable', 2, 'The database cannot be reached.'),
  'database.refused_row': { status: 422, title: 'Cannot be stored', detail: 'The database cannot store a value of the request.' },
  'node.draining': unavailable('Node is shutting down', 1, 'This node is shutting down.'),
  'node.silent': unavailable('A node is silent', 2, 'A node did not answer in time; it may have the actor.'),
}

/** The field of the request that a code is about, unless the error's details name another. */
const fieldOf: Readonly<Partial<Record<ErrorCode, string>>> = {
  'tenant.name_taken': 'name',
  'user.name_taken': 'username',
  'invitation.invalid': 'invitation',
}

/** Actions on what a tenant holds: a tenant that is being deleted holds nothing any more. */
const aboutMessages = /^(failed_)?message\./
const maxErrors = 20
const maxTextLength = 200
const clip = (text: string): string => (text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text)

/**
 * | what was thrown                                  | answer                                          |
 * | Refusal, AppError with a kind above              | that kind                                       |
 * | AppError `tenant.deleting`, action on messages   | as `tenant.missing`                             |
 * | another error that carries a 4xx `status`        | by that status: body-parser's and the router's  |
 * | anything else                                    | 500 without a detail                            |
 *
 * Errors: none; total.
 */
export function toProblem(thrown: unknown, { requestId, action }: { requestId: string; action?: string | undefined }): ProblemAnswer {
  if (thrown instanceof Refusal) return answer(thrown.code, requestId, thrown.message, thrown)
  if (thrown instanceof AppError) {
    const isGone = thrown.code === 'tenant.deleting' && action !== undefined && aboutMessages.test(action)
    const code = isGone ? 'tenant.missing' : thrown.code
    return withIds(answer(code, requestId, undefined, { faults: toFaults(code, thrown), headers: {} }), thrown)
  }
  const status = readClientStatus(thrown)
  if (status === undefined) return answer('internal', requestId)
  if (status === 413) return answer('request.too_large', requestId, 'The body is larger than this server accepts.')
  if (status === 415) return answer('request.media_type', requestId, 'The encoding or charset of the body is not supported.')
  return answer('request.malformed', requestId, (thrown as Error).message)
}

function toFaults(code: ErrorCode, { details }: AppError): readonly Fault[] {
  const path = typeof details.field === 'string' ? details.field : fieldOf[code]
  if (path === undefined || fieldOf[code] === undefined) return []
  return [{ path, message: code === 'invitation.invalid' ? 'is not valid' : 'is taken' }]
}

function withIds(answered: ProblemAnswer, { code, details }: AppError): ProblemAnswer {
  if (code !== 'broker.unknown_outcome' || !Array.isArray(details.ids)) return answered
  return { ...answered, problem: { ...answered.problem, ids: details.ids } }
}

function answer(
  code: string,
  requestId: string,
  text?: string,
  { faults, headers }: Pick<Refusal, 'faults' | 'headers'> = { faults: [], headers: {} },
): ProblemAnswer {
  const kind = (kinds as Readonly<Record<string, Kind>>)[code]
  const { status, title, retryAfterSeconds } = kind ?? { status: 500, title: 'Internal error' }
  const detail = kind && (kind.detail ?? text)
  const errors = faults.slice(0, maxErrors).map(({ path, message }) => ({ path: clip(path), message: clip(message) }))
  return {
    expected: kind !== undefined,
    headers: retryAfterSeconds === undefined ? headers : { 'retry-after': String(retryAfterSeconds), ...headers },
    problem: {
      type: `urn:tenantry:problem:${kind ? code : 'internal'}`,
      title,
      status,
      ...(detail ? { detail: clip(detail) } : {}),
      code: kind ? code : 'internal',
      request_id: requestId,
      ...(errors.length > 0 ? { errors } : {}),
    },
  }
}

/** The 4xx status that body-parser, the router or Node put on their errors. */
function readClientStatus(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('status' in thrown)) return undefined
  const { status } = thrown
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined
}
