/** The stores of messages, scheduled messages and tenants on the tables in memory, with the promises of their ports. */
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { MessageRecord, MessageStore, RecordedStatus } from '../../../src/core/ports/message-store.ts'
import type { ClaimedSchedule, ScheduleStore } from '../../../src/core/ports/schedule-store.ts'
import type { TenantStore } from '../../../src/core/ports/tenant-store.ts'
import type { Link } from './link.ts'
import { type FailedRow, type MemoryDatabase, rowsOf } from './memory-database.ts'

/** What the actors ask of a message store. */
export function createMemoryMessageStore(database: MemoryDatabase, link: Link): Pick<MessageStore, 'record' | 'statuses' | 'ping'> {
  return {
    record: (records) => link.call(() => recordAll(database, records, link)),
    statuses: (keys) =>
      link.call(() => {
        const found = keys.map(({ tenantId, id }) => [id, database.messages.get(tenantId)?.get(id)] as const)
        return new Map(found.filter((entry): entry is readonly [MessageId, RecordedStatus] => entry[1] !== undefined))
      }),
    ping: () => link.call(() => {}),
  }
}

/** All or none; of several records of one message the highest attempt counts. */
export function recordAll(database: MemoryDatabase, records: readonly MessageRecord[], by: Link): void {
  for (const { tenantId } of records) {
    if (!database.messages.has(tenantId)) throw new AppError('partition.missing', 'no partition', { scope: 'tenant' })
  }
  for (const record of records.toSorted((a, b) => b.attempt - a.attempt)) recordOne(database, record, by)
}

function recordOne(database: MemoryDatabase, record: MessageRecord, by: Link): void {
  const { tenantId, id, attempt, settlement } = record
  const partition = rowsOf(database.messages, tenantId)
  const before = partition.get(id)
  if (before && (before.status !== 'retrying' || before.attempts >= attempt)) return
  partition.set(id, { status: settlement.kind, attempts: attempt })
  database.recordings.set(id, { by, atMs: Date.now() })
  const failed = rowsOf(database.failed, tenantId)
  const row = failed.get(id)
  if (settlement.kind === 'processed') {
    if (row?.status === 'pending' || row?.status === 'retried') {
      Object.assign(row, { status: 'resolved', attempts: attempt, claim: undefined, reason: null } satisfies Partial<FailedRow>)
    }
    return
  }
  const isRetrying = settlement.kind === 'retrying'
  failed.set(id, {
    tenantId,
    id,
    type: record.type,
    priority: record.priority,
    key: record.key,
    body: record.data ?? '',
    createdAtMs: record.createdAtMs,
    status: isRetrying ? 'pending' : 'permanently_failed',
    attempts: attempt,
    firstAttempt: isRetrying ? settlement.firstAttempt : attempt + 1,
    order: isRetrying ? settlement.order : 'oldest',
    nextRetryAtMs: isRetrying ? settlement.dueAtMs : 0,
    retriedAtMs: 0,
    claim: undefined,
    failure: settlement.failure,
    reason: isRetrying ? null : settlement.reason,
    history: [...(row?.history ?? []), ...settlement.history],
  })
}

let claims = 0
export const nextClaim = (): string => `claim ${++claims}`

export const isServed = (database: MemoryDatabase, tenantId: TenantId): boolean => {
  const status = database.tenants.get(tenantId)?.status
  return status === 'active' || status === 'paused'
}

/** What the actors ask of a schedule store. */
export function createMemoryScheduleStore(
  database: MemoryDatabase,
  link: Link,
): Pick<ScheduleStore, 'claimDue' | 'released' | 'giveBack' | 'schedule' | 'cancel'> {
  const all = () => [...database.schedules.values()].flatMap((rows) => [...rows.values()])
  const held = (given: readonly ClaimedSchedule[]) =>
    given.flatMap(({ claim, message }) => {
      const row = database.schedules.get(message.tenantId)?.get(message.id)
      return row?.claim === claim ? [row] : []
    })
  return {
    schedule: (messages) =>
      link.call(() => {
        for (const message of messages) {
          if (!database.tenants.has(message.tenantId)) throw new AppError('tenant.missing', 'no such tenant')
          const rows = rowsOf(database.schedules, message.tenantId)
          if (!rows.has(message.id)) rows.set(message.id, { message, releaseAtMs: message.readyAtMs, claim: undefined })
        }
      }),
    cancel: (tenantId, id) =>
      link.call(() => {
        const rows = rowsOf(database.schedules, tenantId)
        const row = rows.get(id)
        if (row?.claim !== undefined) return 'releasing'
        return rows.delete(id) ? 'cancelled' : 'absent'
      }),
    claimDue: (limit, leaseMs) =>
      link.call(() => {
        const nowMs = Date.now()
        const claim = nextClaim()
        const due = all().filter(({ message, releaseAtMs }) => releaseAtMs <= nowMs && isServed(database, message.tenantId))
        const later = all().filter(({ releaseAtMs }) => releaseAtMs > nowMs)
        const taken = due.slice(0, limit)
        const oldestDueMs = due.length === 0 ? undefined : nowMs - Math.min(...due.map(({ releaseAtMs }) => releaseAtMs))
        for (const row of taken) Object.assign(row, { claim, releaseAtMs: nowMs + leaseMs })
        return {
          claimed: taken.map(({ message }) => ({ claim, message })),
          more: due.length > limit,
          nextDueInMs: later.length === 0 ? undefined : Math.min(...later.map(({ releaseAtMs }) => releaseAtMs - nowMs)),
          oldestDueMs,
        }
      }),
    released: (given) =>
      link.call(() => {
        for (const { message } of held(given)) rowsOf(database.schedules, message.tenantId).delete(message.id)
      }),
    giveBack: (given, delayMs) =>
      link.call(() => {
        for (const row of held(given)) row.releaseAtMs = Date.now() + delayMs
      }),
  }
}

/** What the actors ask of a tenant store. */
export function createMemoryTenantStore(
  database: MemoryDatabase,
  link: Link,
): Pick<TenantStore, 'desired' | 'desiredOf' | 'ensurePartition' | 'whileDeleting' | 'remove'> {
  return {
    desired: () => link.call(() => [...database.tenants.values()]),
    desiredOf: (id) => link.call(() => database.tenants.get(id)),
    ensurePartition: (id) => link.call(() => void rowsOf(database.messages, id)),
    whileDeleting: async (id, work) => {
      let isMine = false
      try {
        await link.call(() => {
          isMine = database.deletions.get(id)?.dead ?? true
          if (isMine) database.deletions.set(id, link)
        })
        return isMine ? await work() : undefined
      } finally {
        // A lock ends with its connection, whether its holder knows that it has it or not.
        if (isMine) database.deletions.delete(id)
      }
    },
    remove: (id) =>
      link.call(() => {
        for (const table of [database.tenants, database.messages, database.failed, database.schedules]) table.delete(id)
        database.removed.add(id)
      }),
  }
}
