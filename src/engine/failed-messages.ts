/** What an operator may do with failed and scheduled messages. */
import { AppError } from '../core/errors.ts'
import type { DueHints } from '../core/ports/due-hints.ts'
import type { EngineApi } from '../core/ports/engine-api.ts'
import type { FailureStore } from '../core/ports/failure-store.ts'
import type { MessageStore } from '../core/ports/message-store.ts'
import type { ScheduleStore } from '../core/ports/schedule-store.ts'
import { namedRetryPolicies, type RetryPolicy } from '../core/retry-policy.ts'

export interface FailedMessagesServices {
  readonly failures: FailureStore
  readonly schedules: ScheduleStore
  readonly messages: Pick<MessageStore, 'find'>
  readonly dueHints: Pick<DueHints, 'announce'>
  readonly policy: RetryPolicy
}

type FailedMessages = Pick<
  EngineApi,
  | 'listScheduled'
  | 'findScheduled'
  | 'cancelScheduled'
  | 'listFailed'
  | 'findFailed'
  | 'countFailed'
  | 'retryFailed'
  | 'discardFailed'
  | 'failedStats'
  | 'retryStats'
>

export function createFailedMessages({ failures, schedules, messages, dueHints, policy }: FailedMessagesServices): FailedMessages {
  return {
    listScheduled: (query) => schedules.list(query),
    findScheduled: (tenantId, id) => schedules.find(tenantId, id),
    async cancelScheduled(tenantId, id) {
      const result = await schedules.cancel(tenantId, id)
      if (result === 'cancelled') return
      if (result === 'absent' && !(await messages.find(tenantId, id))) {
        throw new AppError('message.missing', `there is no message ${id}`, { scope: 'message' })
      }
      const why = result === 'releasing' ? 'it goes into its queue at this moment' : 'it was queued already'
      throw new AppError('message.not_cancellable', `the message cannot be cancelled: ${why}`, { scope: 'message' })
    },
    listFailed: (query) => failures.list(query),
    findFailed: (tenantId, id) => failures.find(tenantId, id),
    countFailed: (tenantId, filter) => failures.count(tenantId, filter),
    async retryFailed(tenantId, filter) {
      const count = await failures.retry(tenantId, filter)
      if (count > 0) dueHints.announce(Date.now())
      return count
    },
    discardFailed: (tenantId, filter) => failures.discard(tenantId, filter),
    failedStats: (tenantId) => failures.stats(tenantId),
    retryStats: async () => ({ ...(await failures.stats(undefined)), policy, namedPolicies: namedRetryPolicies }),
  }
}
