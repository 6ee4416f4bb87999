/** A failed message, and counts of them, as the API shows them. */
import { isUtf8 } from 'node:buffer'
import type { z } from 'zod'
import type { FailedMessage } from '../../../core/failure.ts'
import { inspectJson } from '../../../core/json.ts'
import type { FailedStats } from '../../../core/ports/failure-store.ts'
import type { failedMessageDetail, failedMessageSchema, failedStatsSchema } from '../../schemas/failed-message.ts'
import { toAttemptBody } from '../messages/to-message-body.ts'

export function toFailedBody(failed: FailedMessage): z.output<typeof failedMessageSchema> {
  return {
    id: failed.id,
    tenant_id: failed.tenantId,
    message_id: failed.type === null ? null : failed.id,
    type: failed.type,
    priority: failed.priority,
    key: failed.key,
    status: failed.status,
    attempts: failed.attempts,
    retry_count: failed.retryCount,
    next_retry_at: failed.nextRetryAt?.toISOString() ?? null,
    error: { class: failed.errorClass, message: failed.error },
    fingerprint: failed.fingerprint,
    reason: failed.reason,
    created_at: failed.createdAt.toISOString(),
    failed_at: failed.failedAt.toISOString(),
    updated_at: failed.updatedAt.toISOString(),
    closed_at: failed.closedAt?.toISOString() ?? null,
  }
}

export function toFailedDetail(failed: FailedMessage): z.output<typeof failedMessageDetail> {
  const json = readJson(failed.body)
  return {
    ...toFailedBody(failed),
    data: json ? json.data : null,
    raw_base64: json ? null : Buffer.from(failed.body).toString('base64'),
    history: failed.history.map(toAttemptBody),
  }
}

export function toFailedStats({ byStatus, kinds, nextRetryAt }: FailedStats): z.output<typeof failedStatsSchema> {
  return {
    by_status: { ...byStatus },
    kinds: kinds.map((kind) => ({
      fingerprint: kind.fingerprint,
      type: kind.type,
      error: { class: kind.errorClass, message: kind.error },
      count: kind.count,
      last_failed_at: kind.lastFailedAt.toISOString(),
    })),
    next_retry_at: nextRetryAt?.toISOString() ?? null,
  }
}

/** undefined for what is not JSON that a client could have published: it could not be written as JSON again as it was. */
function readJson(body: Uint8Array): { readonly data: unknown } | undefined {
  if (!isUtf8(body)) return undefined
  try {
    const data: unknown = JSON.parse(Buffer.from(body).toString())
    return inspectJson(data, 'data') ? undefined : { data }
  } catch {
    return undefined
  }
}
