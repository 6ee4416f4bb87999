/** The queues of a tenant and their arguments, which RabbitMQ never lets anyone change afterwards. */
import type { Options } from 'amqplib'
import { type TenantId, tenantDeadLetterQueueName } from '../../core/ids.ts'

export interface TopologyOptions {
  readonly queueType: 'quorum' | 'classic'
  /** How often a quorum queue hands a message out again before it dead-letters it. 4.x would use 20. */
  readonly deliveryLimit: number
}

/**
 * Quorum: an explicit delivery limit keeps a requeued message's place on 3.x and defuses the default of 20 on 4.x, and
 * dead-lettering is at-least-once, which needs reject-publish. Classic queues know neither.
 */
export function toTenantQueueOptions(tenantId: TenantId, options: TopologyOptions): Options.AssertQueue {
  const deadLetter = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': tenantDeadLetterQueueName(tenantId) }
  if (options.queueType === 'classic') return { durable: true, arguments: { 'x-queue-type': 'classic', ...deadLetter } }
  return {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': options.deliveryLimit,
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
      ...deadLetter,
    },
  }
}

/** Nothing follows a dead-letter queue: what it gave up would be lost, so it never does. 3.x knows no word for never. */
const noDeliveryLimit = 1_000_000_000

/** A letter is given back for as long as it cannot be stored, however low the tenants' own limit is. */
export function toDeadLetterQueueOptions(options: Pick<TopologyOptions, 'queueType'>): Options.AssertQueue {
  if (options.queueType === 'classic') return { durable: true, arguments: { 'x-queue-type': 'classic' } }
  return { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': noDeliveryLimit } }
}
