import { expect } from 'chai'
import { toDeadLetterQueueOptions, toTenantQueueOptions } from '../../../../src/broker/rabbitmq/topology.ts'
import type { TenantId } from '../../../../src/core/ids.ts'

const tenantId = '0198f3a0-0000-7000-8000-000000000001' as TenantId
const quorum = { queueType: 'quorum', deliveryLimit: 100_000 } as const
const classic = { queueType: 'classic', deliveryLimit: 100_000 } as const

describe('the queues of a tenant', () => {
  it('are quorum queues that deliver often, and hand over to the dead-letter queue at least once', () => {
    expect(toTenantQueueOptions(tenantId, quorum)).to.deep.equal({
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-delivery-limit': 100_000,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': `tenant_${tenantId}_dlq`,
      },
    })
    expect(toDeadLetterQueueOptions(quorum)).to.deep.equal({
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000 },
    })
  })

  it('are classic queues without the arguments those refuse', () => {
    expect(toTenantQueueOptions(tenantId, classic)).to.deep.equal({
      durable: true,
      arguments: {
        'x-queue-type': 'classic',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': `tenant_${tenantId}_dlq`,
      },
    })
    expect(toDeadLetterQueueOptions(classic)).to.deep.equal({ durable: true, arguments: { 'x-queue-type': 'classic' } })
  })
})
