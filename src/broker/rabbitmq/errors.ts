/** Turns what amqplib throws into the broker port's errors. */
import { AppError, errorText } from '../../core/errors.ts'

/**
 * Errors: none; total.
 *
 * | the broker says               | code               |
 * | 404, no such queue            | queue.missing      |
 * | 406, other arguments or limit | broker.refused     |
 * | anything else, or nothing     | broker.unavailable |
 */
export function toBrokerError(thrown: unknown, doing: string): AppError {
  if (thrown instanceof AppError) return thrown
  const text = errorText(thrown)
  const code = amqpCode(thrown)
  // RabbitMQ answers 404 as well for a queue whose node is down; such a queue comes back.
  if (code === 404 && text.includes('no queue')) {
    return new AppError('queue.missing', `${doing}: the queue does not exist`, { scope: 'tenant', cause: thrown })
  }
  if (code === 406) return new AppError('broker.refused', `${doing}: ${text}`, { scope: 'tenant', cause: thrown })
  return unavailable(`${doing}: ${text}`, thrown)
}

/** What publish() threw at once: a closed channel, or a property that AMQP cannot carry (a type over 255 bytes, headers over 64 KiB). */
export function toPublishError(thrown: unknown): AppError {
  const isUnfit = thrown instanceof TypeError || thrown instanceof RangeError
  if (!isUnfit) return toBrokerError(thrown, 'publishing')
  return new AppError('broker.refused', `AMQP cannot carry the message: ${errorText(thrown)}`, { scope: 'message', cause: thrown })
}

function amqpCode(thrown: unknown): unknown {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
}

/** Rejects with `broker.unavailable` when `work` has not settled within `deadlineMs`; its late result is ignored. */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number, doing: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(unavailable(`${doing}: no answer from RabbitMQ within ${deadlineMs} ms`)), deadlineMs)
  try {
    return await Promise.race([work, late])
  } catch (thrown) {
    throw toBrokerError(thrown, doing)
  } finally {
    clearTimeout(timer)
  }
}

export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('broker.unavailable', message, { retryable: true, scope: 'connection', cause })
}
