/** Makes, removes and counts the queues of a tenant. */
import type { Options } from 'amqplib'
import { AppError } from '../../core/errors.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../core/ids.ts'
import type { Broker } from '../../core/ports/broker.ts'
import type { AdminChannels } from './admin-channels.ts'
import { type TopologyOptions, toDeadLetterQueueOptions, toTenantQueueOptions } from './topology.ts'

export interface TenantQueues extends Pick<Broker, 'declareTenant' | 'deleteTenant' | 'depth'> {
  /** Rejects with `queue.missing` when the queue does not exist. */
  check(queue: string): Promise<void>
}

export function createTenantQueues(admin: AdminChannels, options: TopologyOptions): TenantQueues {
  const declare = async (queue: string, queueOptions: Options.AssertQueue): Promise<void> => {
    const doing = `declaring ${queue}`
    try {
      await admin.use(doing, (channel) => channel.assertQueue(queue, queueOptions))
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'broker.refused') throw error
      // It was made under another configuration. Its arguments cannot change, and it holds messages: it serves as it is.
      await admin
        .use(doing, (channel) => channel.checkQueue(queue))
        .catch(() => {
          throw error
        })
    }
  }

  return {
    async declareTenant(tenantId) {
      await declare(tenantDeadLetterQueueName(tenantId), toDeadLetterQueueOptions(options))
      await declare(tenantQueueName(tenantId), toTenantQueueOptions(tenantId, options))
    },
    deleteTenant: (tenantId) =>
      admin.use(`deleting the queues of tenant ${tenantId}`, async (channel) => {
        // The queue first: at-least-once dead-lettering would wait for a dead-letter queue that is gone.
        const remove = async (name: string) => ({ name, messages: (await channel.deleteQueue(name)).messageCount })
        const own = await remove(tenantQueueName(tenantId))
        return { discarded: own.messages, queues: [own, await remove(tenantDeadLetterQueueName(tenantId))] }
      }),
    depth: (tenantId) =>
      admin.use(`reading the depth of tenant ${tenantId}`, async (channel) => {
        const queue = await channel.checkQueue(tenantQueueName(tenantId))
        const dlq = await channel.checkQueue(tenantDeadLetterQueueName(tenantId))
        return { ready: queue.messageCount, unacked: undefined, dlq: dlq.messageCount }
      }),
    async check(queue) {
      await admin.use(`consuming from ${queue}`, (channel) => channel.checkQueue(queue))
    },
  }
}
