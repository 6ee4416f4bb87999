/** A failed message, and counts of them, as the API shows them. */
import type { z } from 'zod'
import type { FailedMessage } from '../../../core/failure.ts'
import type { TenantId } from '../../../core/ids.ts'
import { readJsonBody } from '../../../core/json.ts'
import type { FailedStats } from '../../../core/ports/failure-store.ts'
import type { failedMessageDetail, failedMessageSchema, failedStatsSchema } from '../../schemas/failed-message.ts'
import { toAttemptBody } from '../messages/to-message-body.ts'

/** Without its data. An error may quote it. */
export function toFailedBody(failed: FailedMessage, isReadable: boolean): z.output<typeof failedMessageSchema> {
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
    error: { class: failed.errorClass, message: isReadable ? failed.error : null },
    ...(isReadable ? {} : { data_hidden: true }),
    fingerprint: failed.fingerprint,
    reason: failed.reason,
    created_at: failed.createdAt.toISOString(),
    failed_at: failed.failedAt.toISOString(),
    updated_at: failed.updatedAt.toISOString(),
    closed_at: failed.closedAt?.toISOString() ?? null,
  }
}

export function toFailedDetail(failed: FailedMessage, isReadable: boolean): z.output<typeof failedMessageDetail> {
  return {
    ...toFailedBody(failed, isReadable),
    ...(isReadable ? toBody(failed.body) : { data: null, raw_base64: null }),
    history: failed.history.map((record) => toAttemptBody(record, isReadable)),
  }
}

function toBody(body: Uint8Array): Pick<z.output<typeof failedMessageDetail>, 'data' | 'raw_base64'> {
  const json = readJsonBody(body)
  return json ? { data: json.data, raw_base64: null } : { data: null, raw_base64: Buffer.from(body).toString('base64') }
}

/** `readable` are the tenants whose errors the caller is shown. */
export function toFailedStats(
  { byStatus, kinds, nextRetryAt }: FailedStats,
  readable: ReadonlySet<TenantId>,
): z.output<typeof failedStatsSchema> {
  return {
    by_status: { ...byStatus },
    kinds: kinds.map((kind) => ({
      fingerprint: kind.fingerprint,
      type: kind.type,
      error: { class: kind.errorClass, message: readable.has(kind.tenantId) ? kind.error : null },
      count: kind.count,
      last_failed_at: kind.lastFailedAt.toISOString(),
    })),
    next_retry_at: nextRetryAt?.toISOString() ?? null,
  }
}
