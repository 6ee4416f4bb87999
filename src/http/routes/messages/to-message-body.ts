/** A message as the API shows it. */
import type { z } from 'zod'
import type { StoredMessage } from '../../../core/ports/message-store.ts'
import type { messageSchema } from '../../schemas/message.ts'

export function toMessageBody(message: StoredMessage): z.output<typeof messageSchema> {
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
    created_at: message.createdAt.toISOString(),
    processed_at: message.processedAt?.toISOString() ?? null,
  }
}
