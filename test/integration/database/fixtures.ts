/** Tenants and messages for the tests of the database. */
import { randomUUID } from 'node:crypto'
import { type AttemptRecord, processed, type Settlement } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import type { NewTenant } from '../../../src/core/ports/tenant-store.ts'

export const newTenantId = () => randomUUID() as TenantId
export const newMessageId = () => randomUUID() as MessageId

export function newTenant(fields: Partial<NewTenant> = {}): NewTenant {
  const id = newTenantId()
  return { id, name: `tenant ${id}`, description: null, status: 'active', workers: 3, config: {}, ...fields }
}

export function newRecord(tenantId: TenantId, fields: Partial<MessageRecord> = {}): MessageRecord {
  const data = '{"amount": 1}'
  return {
    tenantId,
    id: newMessageId(),
    type: 'order.created',
    data,
    priority: 0,
    key: null,
    attempt: 1,
    createdAtMs: Date.now(),
    settlement: processed,
    body: () => fields.data ?? data,
    ...fields,
  }
}

/** How attempt number `attempt` ends that is to be followed by another, which is due at once. */
export function newRetrying(attempt: number, fields: Partial<Extract<Settlement, { kind: 'retrying' }>> = {}): Settlement {
  const { failure, history } = newFailure(attempt)
  return { kind: 'retrying', failure, dueAtMs: Date.now() - 60_000, firstAttempt: 1, order: 'oldest', history, ...fields }
}

/** How the last attempt ends. */
export function newFailed(attempt: number, fields: Partial<Extract<Settlement, { kind: 'failed' }>> = {}): Settlement {
  return { kind: 'failed', ...newFailure(attempt), reason: 'all attempts have failed', ...fields }
}

function newFailure(attempt: number) {
  const failure = { errorClass: 'TypeError', error: `order ${attempt} is not there` }
  const entry: AttemptRecord = { attempt, startedAtMs: 1_700_000_000_000 + attempt, durationMs: 5, outcome: 'failed', ...failure }
  return { failure, history: [entry] }
}

/** The code of the AppError that a promise rejects with; undefined when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}
