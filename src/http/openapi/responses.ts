/** The document's answers that several operations share: problems, and the headers that some answers carry. */

const problem = (description: string, headers: Readonly<Record<string, object>> = {}) => ({
  description,
  ...(Object.keys(headers).length > 0 ? { headers } : {}),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

const retryAfter = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } }

export const responses = {
  Problem: problem('A problem document (RFC 9457).'),
  Invalid: problem('`request.invalid`: `errors` names what is wrong.'),
  Missing: problem('There is none of this id, or it is another tenant’s.'),
  PublishConflict: problem(
    '`idempotency.mismatch`: the key was used with another body. `idempotency.in_progress`: the request that has the key is not answered yet. `tenant.draining`: the tenant accepts no messages.',
    retryAfter,
  ),
  Unschedulable: problem(
    '`request.unprocessable`: `scheduled_at` lies more than a year ahead. `database.refused_row`: it cannot be stored.',
  ),
  RateLimited: problem(
    '`request.rate_limited`: the tenant publishes more than its `rate_limits` allow. `RateLimit-Policy` says what they are.',
    retryAfter,
  ),
  Throttled: problem('`auth.throttled`: too many wrong attempts, for this account or from this address.', retryAfter),
  WrongCredentials: problem('`auth.refused`. Whoever asks does not learn what was wrong.'),
  LastOwner: problem('`user.last_owner`: the tenant’s last owner stays one.'),
  AlreadyRotated: problem('`api_key.rotated`: another key has taken its place.'),
  NameTaken: problem('`user.name_taken`: another user of the tenant has this name.'),
  Unavailable: problem('The broker or the database is away, blocked or busy: repeat the request.', retryAfter),
  NotCancellable: problem('`message.not_cancellable`: it is in the queue, or its outcome is recorded.'),
  NotRetryable: problem('`failed_message.not_retryable`: it is in the queue, resolved or discarded, or it cannot be published.'),
  NotDiscardable: problem('`failed_message.not_discardable`: it is in the queue, resolved or discarded.'),
}

export const headers = {
  IdempotencyReplayed: {
    description: '`true` when an earlier request with the same Idempotency-Key had published it.',
    schema: { type: 'string', const: 'true' },
  },
}
