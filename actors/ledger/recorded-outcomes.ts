/** Whether an outcome is already recorded; look-ups of one moment share a query, since a crash redelivers hundreds at once. */
import type { MessageId, TenantId } from '../../src/core/ids.ts'
import type { Delivery } from '../../src/core/message.ts'
import type { MessageStore, RecordedStatus } from '../../src/core/ports/message-store.ts'

export interface RecordedOutcomes {
  /** undefined when nothing is recorded. Errors: as MessageStore. */
  lookUp(delivery: Delivery): Promise<RecordedStatus | undefined>
}

interface Question {
  readonly delivery: Delivery
  readonly resolve: (status: RecordedStatus | undefined) => void
  readonly reject: (error: unknown) => void
}

export function createRecordedOutcomes(store: Pick<MessageStore, 'statuses'>): RecordedOutcomes {
  // By tenant: a message id says something only within its tenant.
  const asked = new Map<TenantId, Question[]>()

  const ask = async (tenantId: TenantId): Promise<void> => {
    const batch = asked.get(tenantId) ?? []
    asked.delete(tenantId)
    try {
      const found: ReadonlyMap<MessageId, RecordedStatus> = await store.statuses(batch.map(({ delivery }) => delivery))
      for (const { delivery, resolve } of batch) resolve(found.get(delivery.id))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return {
    lookUp(delivery) {
      return new Promise((resolve, reject) => {
        const { tenantId } = delivery
        const questions = asked.get(tenantId)
        if (questions) questions.push({ delivery, resolve, reject })
        else {
          asked.set(tenantId, [{ delivery, resolve, reject }])
          setImmediate(() => void ask(tenantId))
        }
      })
    },
  }
}
