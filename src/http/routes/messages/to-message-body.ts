/** A message as the API shows it. */
import type { z } from 'zod'
import type { AttemptRecord } from '../../../core/failure.ts'
import type { StoredMessage } from '../../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../../core/ports/schedule-store.ts'
import type { attemptSchema } from '../../schemas/attempt.ts'
import type { messageSchema } from '../../schemas/message.ts'

type MessageBody = z.output<typeof messageSchema>

export function toMessageBody(message: StoredMessage): MessageBody {
  return {
    id: message.id,
    tenant_id: message.tenantId,
    type: message.type,
    data: message.data,
    priority: message.priority,
    key: message.key,
    status: message.status,
    attempts: message.attempts,
    error: message.error,
    scheduled_at: null,
    created_at: message.createdAt.toISOString(),
    processed_at: message.processedAt?.toISOString() ?? null,
  }
}

export function toScheduledBody(message: ScheduledMessage): MessageBody {
  return {
    id: message.id,
    tenant_id: message.tenantId,
    type: message.type,
    data: message.data,
    priority: message.priority,
    key: message.key,
    status: 'scheduled',
    attempts: 0,
    error: null,
    scheduled_at: message.scheduledAt.toISOString(),
    created_at: message.createdAt.toISOString(),
    processed_at: null,
  }
}

export const toAttemptBody = (record: AttemptRecord): z.output<typeof attemptSchema> => ({
  attempt: record.attempt,
  started_at: new Date(record.startedAtMs).toISOString(),
  duration_ms: record.durationMs,
  outcome: record.outcome,
  error_class: record.errorClass,
  error: record.error,
})
