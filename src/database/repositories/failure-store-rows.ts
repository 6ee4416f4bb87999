/** How failed messages are read from their rows. */
import { type InferResult, sql } from 'kysely'
import type { FailedMessage } from '../../core/failure.ts'
import { statements } from '../client.ts'

export const failedColumns = [
  'tenant_id',
  'id',
  'type',
  'priority',
  'key',
  'body',
  'status',
  'attempts',
  'first_attempt',
  'retry_count',
  'next_retry_at',
  'error_class',
  'error',
  'fingerprint',
  'reason',
  'history',
  'created_at',
  'failed_at',
  'updated_at',
  'closed_at',
] as const

/** The place of a row in a list, to be selected beside it. */
export const createdAtMicros = sql<string>`(extract(epoch from created_at) * 1000000)::bigint::text`

export const selectFailed = () => statements.selectFrom('failed_messages').select([...failedColumns, createdAtMicros.as('micros')])

export type FailedRow = Omit<InferResult<ReturnType<typeof selectFailed>>[number], 'micros'>

export function toFailedMessage(row: FailedRow): FailedMessage {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    type: row.type,
    priority: row.priority,
    key: row.key,
    body: row.body,
    status: row.status,
    attempts: row.attempts,
    retryCount: row.retry_count,
    nextRetryAt: row.next_retry_at,
    errorClass: row.error_class,
    error: row.error,
    fingerprint: row.fingerprint,
    reason: row.reason,
    history: row.history,
    createdAt: row.created_at,
    failedAt: row.failed_at,
    updatedAt: row.updated_at,
    closedAt: row.closed_at,
  }
}
