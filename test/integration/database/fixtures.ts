/** Tenants and messages for the tests of the database. */
import { randomUUID } from 'node:crypto'
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
  return {
    tenantId,
    id: newMessageId(),
    type: 'order.created',
    data: '{"amount": 1}',
    priority: 0,
    key: null,
    status: 'processed',
    attempts: 1,
    error: null,
    createdAtMs: Date.now(),
    ...fields,
  }
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
