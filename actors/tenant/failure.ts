/** Decides what a tenant does after something of its own has failed. */
import { computeBackoffMs } from '../../src/core/backoff.ts'
import { AppError, type ErrorCode, errorText } from '../../src/core/errors.ts'
import { decideRestart } from './restart-policy.ts'
import type { TenantContext } from './setup.ts'

/** `lost`: the attachment ended. `provisioning`: it could not be made. `crash`: a child of the tenant failed by surprise. */
export type Failure =
  | { readonly kind: 'lost'; readonly reason: string; readonly code?: ErrorCode }
  | { readonly kind: 'provisioning'; readonly error: unknown }
  | { readonly kind: 'crash'; readonly error?: unknown; readonly reason?: string }

/** What has failed, as it may be said to anybody: the text of an error may quote a message. */
export type FailureCode = ErrorCode | 'consumer.lost' | 'actor.crashed'

export interface FailureDecision {
  readonly verdict: 'retry' | 'quarantine'
  readonly retryDelayMs: number
  readonly attempt: number
  readonly crashes: readonly number[]
  readonly reason: string
  readonly failureCode: FailureCode
}

/** An attachment that has held this long starts counting its attempts anew. */
const stableMs = 30_000

/**
 * A broker or database that is away costs no restart budget, however often: waiting is right. Everything else does, and
 * a spent budget means quarantine.
 *
 * Errors: none; total.
 */
export function decideFailure(
  context: Pick<TenantContext, 'crashes' | 'attempt' | 'attachedAtMs' | 'policy'>,
  failure: Failure,
  nowMs: number,
  random: () => number = Math.random,
): FailureDecision {
  const told = { reason: toReason(failure), failureCode: toCode(failure) }
  const wasStable = failure.kind !== 'provisioning' && context.attachedAtMs > 0 && nowMs - context.attachedAtMs > stableMs
  const attempt = wasStable ? 1 : context.attempt + 1
  if (isOutage(failure)) {
    const retryDelayMs = computeBackoffMs(attempt, context.policy.backoff, random)
    return { verdict: 'retry', retryDelayMs, attempt, crashes: context.crashes, ...told }
  }
  const verdict = decideRestart(context.crashes, nowMs, context.policy, random)
  if (verdict.kind === 'quarantine') {
    return { verdict: 'quarantine', retryDelayMs: context.policy.probationMs, attempt, crashes: verdict.crashes, ...told }
  }
  return { verdict: 'retry', retryDelayMs: verdict.delayMs, attempt, crashes: verdict.crashes, ...told }
}

function isOutage(failure: Failure): boolean {
  if (failure.kind === 'lost') return true
  if (failure.kind === 'crash') return false
  return failure.error instanceof AppError && failure.error.retryable
}

function toReason(failure: Failure): string {
  if ('reason' in failure && failure.reason !== undefined) return failure.reason
  return 'error' in failure ? errorText(failure.error) : 'failed'
}

function toCode(failure: Failure): FailureCode {
  if (failure.kind === 'lost') return failure.code ?? 'consumer.lost'
  if (failure.error instanceof AppError) return failure.error.code
  return failure.kind === 'crash' ? 'actor.crashed' : 'internal'
}
