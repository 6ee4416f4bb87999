/** A message as the API shows it. */
import type { z } from 'zod'
import type { AttemptRecord } from '../../../core/failure.ts'
import type { StoredMessage } from '../../../core/ports/message-store.ts'
import type { ScheduledMessage } from '../../../core/ports/schedule-store.ts'
import type { attemptSchema } from '../../schemas/attempt.ts'
import type { messageSchema } from '../../schemas/message.ts'

type MessageBody = z.output<typeof messageSchema>

/** The data, or that there is some which the caller is not shown. */
const toData = (data: unknown, isReadable: boolean): Pick<MessageBody, 'data' | 'data_hidden'> =>
  isReadable ? { data } : { data: null, data_hidden: true }

export function toMessageBody(message: StoredMessage, isReadable: boolean): MessageBody {
  return {
    id: message.id,
    tenant_id: message.tenantId,
    type: message.type,
    ...toData(message.data, isReadable),
    priority: message.priority,
    key: message.key,
    status: message.status,
    attempts: message.attempts,
    error: isReadable ? message.error : null,
    scheduled_at: null,
    created_at: message.createdAt.toISOString(),
    processed_at: message.processedAt?.toISOString() ?? null,
  }
}

export function toScheduledBody(message: ScheduledMessage, isReadable: boolean): MessageBody {
  return {
    id: message.id,
    tenant_id: message.tenantId,
    type: message.type,
    ...toData(message.data, isReadable),
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

/** An error may quote the data. */
export const toAttemptBody = (record: AttemptRecord, isReadable: boolean): z.output<typeof attemptSchema> => ({
  attempt: record.attempt,
  started_at: new Date(record.startedAtMs).toISOString(),
  duration_ms: record.durationMs,
  outcome: record.outcome,
  error_class: record.errorClass,
  error: isReadable ? record.error : null,
})
