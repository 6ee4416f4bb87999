/** A tenant's two queues: making them, removing them, looking at them. */
import type { PgBoss } from 'pg-boss'
import type { MessageId, TenantId } from '../../core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { QueueDepth, QueuePlace, RemovedQueue } from '../../core/ports/broker.ts'
import { isForeignKeyError, missingQueue, toBrokerError } from './errors.ts'
import { queueOptions } from './queue-policy.ts'
import type { Statements } from './statements.ts'

export interface TenantQueues {
  declare(tenantId: TenantId): Promise<void>
  /** Both, the tenant's own first, with how many waiting messages went. */
  remove(tenantId: TenantId): Promise<readonly [RemovedQueue, RemovedQueue]>
  depth(tenantId: TenantId): Promise<QueueDepth>
  find(tenantId: TenantId, id: MessageId): Promise<QueuePlace>
  /** Rejects with `queue.missing`. */
  require(queue: string): Promise<void>
}

// A publish that commits between the removal of the jobs and that of the queue makes PostgreSQL refuse the latter.
const removalAttempts = 10

export function createTenantQueues(boss: PgBoss, statements: Statements): TenantQueues {
  async function drop(name: string): Promise<RemovedQueue> {
    let messages = 0
    for (let attempt = 1; ; attempt++) {
      try {
        messages += await statements.purge(name)
        await boss.deleteQueue(name)
        return { name, messages }
      } catch (error) {
        // pg-boss remembers queues, and fails over one that another node has removed.
        if ((await statements.existing([name])).length === 0) return { name, messages }
        if (attempt === removalAttempts || !isForeignKeyError(error)) throw error
      }
    }
  }

  return {
    async declare(tenantId) {
      const names = [tenantDeadLetterQueueName(tenantId), tenantQueueName(tenantId)]
      await asBrokerErrors(async () => {
        // Usually both are there: one read instead of two locked transactions for each tenant at start.
        const existing = await statements.existing(names)
        for (const name of names) if (!existing.includes(name)) await boss.createQueue(name, queueOptions)
      })
    },
    remove: (tenantId) =>
      asBrokerErrors(async () => {
        // The dead-letter queue last, so that a removal that failed half-way is seen as one to repeat.
        const own = await drop(tenantQueueName(tenantId))
        return [own, await drop(tenantDeadLetterQueueName(tenantId))] as const
      }),
    async depth(tenantId) {
      const queue = tenantQueueName(tenantId)
      const { exists, ...depth } = await asBrokerErrors(() => statements.depth(queue, tenantDeadLetterQueueName(tenantId)))
      if (!exists) throw missingQueue(queue)
      return depth
    },
    find: (tenantId, id) => asBrokerErrors(() => statements.find(tenantQueueName(tenantId), id)),
    async require(queue) {
      const existing = await asBrokerErrors(() => statements.existing([queue]))
      if (existing.length === 0) throw missingQueue(queue)
    },
  }
}

async function asBrokerErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toBrokerError(error)
  }
}
