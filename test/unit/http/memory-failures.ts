/** The part of an EngineApi that is about failed messages, in memory. */
import { type FailedMessage, type FailedStatus, failedStatuses } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { EngineApi } from '../../../src/core/ports/engine-api.ts'
import type { FailedFilter } from '../../../src/core/ports/failure-store.ts'
import { defaultRetryPolicy, namedRetryPolicies } from '../../../src/core/retry-policy.ts'
import { toMicros, toPage } from './memory-page.ts'

type Failures = Pick<
  EngineApi,
  'listFailed' | 'findFailed' | 'countFailed' | 'retryFailed' | 'discardFailed' | 'failedStats' | 'retryStats'
>

export function createMemoryFailures(failed: FailedMessage[], must: (tenantId: TenantId) => unknown): Failures {
  const matching = (tenantId: TenantId, filter: FailedFilter) =>
    failed.filter((message) => message.tenantId === tenantId && meets(message, filter))
  const change = (
    tenantId: TenantId,
    filter: FailedFilter,
    mayChange: (message: FailedMessage) => boolean,
    fields: Partial<FailedMessage>,
  ) => {
    must(tenantId)
    const changed = matching(tenantId, filter).filter((message) => isOpen(message) && mayChange(message))
    for (const message of changed) failed[failed.indexOf(message)] = { ...message, ...fields }
    return changed.length
  }
  const toStats = (all: readonly FailedMessage[]) => ({
    byStatus: Object.fromEntries(
      failedStatuses.map((status) => [status, all.filter((message) => message.status === status).length]),
    ) as Record<FailedStatus, number>,
    kinds: [...Map.groupBy(all.filter(isOpen), ({ fingerprint }) => fingerprint)].flatMap(([fingerprint, [first, ...rest]]) => {
      if (!first) return []
      const { tenantId, type, errorClass, error, failedAt } = first
      return [{ fingerprint, tenantId, type, errorClass, error, count: rest.length + 1, lastFailedAt: failedAt }]
    }),
    nextRetryAt: all.find(({ nextRetryAt }) => nextRetryAt)?.nextRetryAt ?? null,
  })

  return {
    async listFailed({ tenantId, limit, after, ...filter }) {
      const all = matching(tenantId, filter).toSorted((one, other) => other.failedAt.getTime() - one.failedAt.getTime())
      const { page, last } = toPage(all, limit, after)
      return { failed: page, next: last && { createdAtMicros: toMicros(last.failedAt), id: last.id } }
    },
    findFailed: async (tenantId, id) => matching(tenantId, { ids: [id] })[0],
    countFailed: async (tenantId, filter) => matching(tenantId, filter).length,
    retryFailed: async (tenantId, filter) => {
      const fields = { status: 'pending', nextRetryAt: new Date(1_700_000_100_000), reason: null, closedAt: null } as const
      return change(tenantId, filter, ({ type }) => type !== null, fields)
    },
    discardFailed: async (tenantId, filter) => change(tenantId, filter, () => true, { status: 'discarded', nextRetryAt: null }),
    failedStats: async (tenantId) => toStats(matching(tenantId, {})),
    retryStats: async () => ({ ...toStats(failed), policy: defaultRetryPolicy, namedPolicies: namedRetryPolicies }),
  }
}

/** A failed message of the tenant. `index` makes it another one, which failed that much later. */
export function createFailed(tenantId: TenantId, index: number, fields: Partial<FailedMessage> = {}): FailedMessage {
  const failedAt = new Date(1_700_000_000_000 + index * 1000)
  return {
    tenantId,
    id: `0199bbbb-0000-7000-8000-${String(index).padStart(12, '0')}` as MessageId,
    type: 'email',
    priority: 0,
    key: null,
    body: Buffer.from('{"n":1}'),
    status: 'pending',
    attempts: 2,
    retryCount: 1,
    nextRetryAt: new Date(failedAt.getTime() + 60_000),
    errorClass: 'TypeError',
    error: 'boom 7',
    fingerprint: 'f1',
    reason: null,
    history: [
      { attempt: 1, startedAtMs: 1_700_000_000_000, durationMs: 12, outcome: 'failed', errorClass: 'TypeError', error: 'boom 6' },
      { attempt: 2, startedAtMs: 1_700_000_001_000, durationMs: 0, outcome: 'deferred', errorClass: 'CircuitOpen', error: 'boom 7' },
    ],
    createdAt: new Date(1_700_000_000_000),
    failedAt,
    updatedAt: failedAt,
    closedAt: null,
    ...fields,
  }
}

const isOpen = ({ status }: FailedMessage): boolean => status === 'pending' || status === 'permanently_failed'

function meets(message: FailedMessage, { ids, statuses, type, error, fingerprint, since, until }: FailedFilter): boolean {
  const text = `${message.errorClass}\n${message.error}`.toLowerCase()
  return (
    (!ids || ids.includes(message.id)) &&
    (!statuses || statuses.includes(message.status)) &&
    (!type || message.type === type) &&
    (!error || text.includes(error.toLowerCase())) &&
    (!fingerprint || message.fingerprint === fingerprint) &&
    (!since || message.failedAt >= since) &&
    (!until || message.failedAt < until)
  )
}
