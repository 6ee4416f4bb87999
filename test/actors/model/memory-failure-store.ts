/** The failure store on the tables in memory, with the promises of its port. */
import type { FailedMessage } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { ClaimedRetry, FailureStore, RetryClaims } from '../../../src/core/ports/failure-store.ts'
import type { Link } from './link.ts'
import { type FailedRow, type MemoryDatabase, rowsOf } from './memory-database.ts'
import { isServed, nextClaim, recordAll } from './memory-stores.ts'

type Asked = 'retry' | 'discard' | 'claimDue' | 'republished' | 'giveBack' | 'giveUp' | 'overdue' | 'recover' | 'recordDeadLetter'

/** What the actors ask of a failure store, and what an operator does. */
export function createMemoryFailureStore(database: MemoryDatabase, link: Link): Pick<FailureStore, Asked> {
  const all = (): readonly FailedRow[] => [...database.failed.values()].flatMap((rows) => [...rows.values()])
  const held = (given: readonly ClaimedRetry[]): readonly FailedRow[] =>
    given.flatMap(({ claim, failed }) => {
      const row = database.failed.get(failed.tenantId)?.get(failed.id)
      return row?.claim === claim && row.status === 'pending' ? [row] : []
    })
  const meant = (tenantId: TenantId, ids: readonly MessageId[] | undefined): readonly FailedRow[] =>
    [...(database.failed.get(tenantId)?.values() ?? [])].filter(
      ({ id, status }) => (status === 'pending' || status === 'permanently_failed') && (ids?.includes(id) ?? true),
    )
  const setMessage = ({ tenantId, id }: FailedRow, from: 'failed' | 'retrying', to: 'failed' | 'retrying'): void => {
    const partition = database.messages.get(tenantId)
    const row = partition?.get(id)
    if (row?.status !== from) return
    partition?.set(id, { ...row, status: to })
    database.recordings.set(id, { by: undefined, atMs: Date.now() })
  }

  const claimDue = (limit: number, maxInQueue: number, leaseMs: number): RetryClaims => {
    const nowMs = Date.now()
    const claim = nextClaim()
    const pending = all().filter((row) => row.status === 'pending' && isServed(database, row.tenantId))
    const due = pending.filter((row) => row.nextRetryAtMs <= nowMs)
    const rooms = new Map<TenantId, number>()
    const roomOf = (tenantId: TenantId): number =>
      rooms.get(tenantId) ??
      maxInQueue -
        all().filter(
          (row) =>
            row.tenantId === tenantId &&
            row.claim !== undefined &&
            (row.status === 'retried' || (row.status === 'pending' && row.nextRetryAtMs > nowMs)),
        ).length
    const taken = due
      .toSorted((a, b) => a.nextRetryAtMs - b.nextRetryAtMs)
      .filter(({ tenantId }) => {
        const room = roomOf(tenantId)
        rooms.set(tenantId, room - 1)
        return room > 0
      })
      .slice(0, limit)
    const oldestDueMs = due.length === 0 ? undefined : nowMs - Math.min(...due.map((row) => row.nextRetryAtMs))
    for (const row of taken) Object.assign(row, { claim, nextRetryAtMs: nowMs + leaseMs })
    const laterMs = pending.filter((row) => !due.includes(row)).map((row) => row.nextRetryAtMs - nowMs)
    return {
      claimed: taken.map((row) => ({ claim, failed: toFailedMessage(row), message: toNextAttempt(row) })),
      more: due.length > taken.length,
      nextDueInMs: laterMs.length === 0 ? undefined : Math.min(...laterMs),
      oldestDueMs,
    }
  }

  return {
    claimDue: ({ limit, maxInQueue, leaseMs }) => link.call(() => claimDue(limit, maxInQueue, leaseMs)),
    republished: (given) =>
      link.call(() => {
        for (const row of held(given)) Object.assign(row, { status: 'retried', retriedAtMs: Date.now() } satisfies Partial<FailedRow>)
      }),
    giveBack: (given, delayMs) =>
      link.call(() => {
        for (const row of held(given)) Object.assign(row, { claim: undefined, nextRetryAtMs: Date.now() + delayMs })
      }),
    giveUp: (given, reason) =>
      link.call(() => {
        for (const row of held([given])) {
          setMessage(row, 'retrying', 'failed')
          const next = { status: 'permanently_failed', claim: undefined, reason, firstAttempt: row.attempts + 1 } as const
          Object.assign(row, next satisfies Partial<FailedRow>)
        }
      }),
    overdue: (olderThanMs) =>
      link.call(() => {
        const lost = all().filter((row) => row.status === 'retried' && row.retriedAtMs <= Date.now() - olderThanMs)
        return [...new Set(lost.map(({ tenantId }) => tenantId))]
      }),
    recover: (tenantId, olderThanMs) =>
      link.call(() => {
        const lost = [...rowsOf(database.failed, tenantId).values()].filter(
          (row) => row.status === 'retried' && row.retriedAtMs <= Date.now() - olderThanMs,
        )
        const next = { status: 'pending', nextRetryAtMs: Date.now(), claim: undefined } as const
        for (const row of lost) Object.assign(row, next satisfies Partial<FailedRow>)
        return lost.length
      }),
    retry: (tenantId, { ids }) =>
      link.call(() => {
        const rows = meant(tenantId, ids).filter(({ type }) => type !== null)
        for (const row of rows) {
          setMessage(row, 'failed', 'retrying')
          const isInHands = row.claim !== undefined && row.nextRetryAtMs > Date.now()
          if (row.status === 'permanently_failed') row.firstAttempt = row.attempts + 1
          Object.assign(row, { status: 'pending', reason: null } satisfies Partial<FailedRow>)
          if (!isInHands) Object.assign(row, { nextRetryAtMs: Date.now(), claim: undefined } satisfies Partial<FailedRow>)
        }
        return rows.length
      }),
    discard: (tenantId, { ids }) =>
      link.call(() => {
        const rows = meant(tenantId, ids)
        for (const row of rows) {
          setMessage(row, 'retrying', 'failed')
          Object.assign(row, { status: 'discarded', claim: undefined, reason: row.reason ?? 'discarded by an operator' })
        }
        return rows.length
      }),
    recordDeadLetter: (letter) =>
      link.call(() => {
        const { tenantId, type, priority, key, createdAtMs, attempt } = letter
        const failure = { errorClass: letter.reason, error: letter.detail }
        const id = letter.id ?? (`undecodable ${Buffer.from(letter.body)}` as MessageId)
        const body = Buffer.from(letter.body).toString()
        if (letter.id !== undefined && type !== undefined) {
          const settlement = { kind: 'failed', failure, reason: letter.reason, history: [] } as const
          recordAll(database, [{ tenantId, id, type, data: body, priority, key, attempt, createdAtMs, settlement, body: () => body }], link)
        } else if (database.tenants.has(tenantId)) {
          rowsOf(database.failed, tenantId).set(id, {
            ...{ tenantId, id, priority, key, body, createdAtMs, failure },
            ...{ type: null, status: 'permanently_failed', attempts: attempt, firstAttempt: attempt + 1, order: 'oldest' },
            ...{ nextRetryAtMs: 0, retriedAtMs: 0, claim: undefined, reason: letter.reason, history: [] },
          })
        }
      }),
  }
}

const toNextAttempt = (row: FailedRow): ClaimedRetry['message'] => ({
  tenantId: row.tenantId,
  id: row.id,
  type: row.type ?? '',
  priority: row.priority,
  key: row.key,
  createdAtMs: row.createdAtMs,
  readyAtMs: Date.now(),
  attempt: row.attempts + 1,
  firstAttempt: row.firstAttempt,
  body: row.body,
})

const toFailedMessage = (row: FailedRow): FailedMessage => ({
  ...{ tenantId: row.tenantId, id: row.id, type: row.type, priority: row.priority, key: row.key },
  ...{ status: row.status, attempts: row.attempts, reason: row.reason, history: row.history, ...row.failure },
  body: Buffer.from(row.body),
  retryCount: row.attempts - 1,
  nextRetryAt: new Date(row.nextRetryAtMs),
  fingerprint: '',
  createdAt: new Date(row.createdAtMs),
  failedAt: new Date(0),
  updatedAt: new Date(0),
  closedAt: null,
})
