/** Asks a user's `shouldRetry`, and never for long: a hook that fails keeps no message from its next attempt. */
import { errorText } from '../core/errors.ts'
import type { FailedMessage } from '../core/failure.ts'
import type { RetryDecision, RunContext } from '../core/ports/handlers.ts'
import type { FailedAttempt, HandlerDefinition, HandlerLogger, RetryAnswer } from './define-handler.ts'

const deadlineMs = 5_000

export async function askShouldRetry(
  definition: HandlerDefinition,
  failed: FailedMessage,
  context: RunContext,
  logger: HandlerLogger,
): Promise<RetryDecision> {
  const { shouldRetry } = definition
  if (!shouldRetry) return { retry: true }
  const deadline = AbortSignal.timeout(deadlineMs)
  const signal = AbortSignal.any([context.signal, deadline])
  try {
    const ask = async () => shouldRetry(toFailedAttempt(failed), { tenant: { id: failed.tenantId, config: context.config }, signal })
    return toDecision(await Promise.race([ask(), whenAborted(signal)]))
  } catch (thrown) {
    logger.warn('shouldRetry failed, so the message is tried again', { reason: errorText(thrown) })
    return { retry: true }
  }
}

const toDecision = (answer: RetryAnswer | undefined): RetryDecision => {
  if (answer === false) return { retry: false, reason: 'shouldRetry decided against another attempt' }
  return typeof answer === 'string' ? { retry: false, reason: answer } : { retry: true }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

// The data is parsed when the hook reads it: most look at the attempts or the key alone.
function toFailedAttempt(failed: FailedMessage): FailedAttempt {
  return {
    id: failed.id,
    tenantId: failed.tenantId,
    type: failed.type ?? '',
    priority: failed.priority,
    key: failed.key,
    createdAt: failed.createdAt,
    attempts: failed.attempts,
    errorClass: failed.errorClass,
    error: failed.error,
    get data(): unknown {
      return JSON.parse(Buffer.from(failed.body).toString('utf8'))
    },
  }
}
