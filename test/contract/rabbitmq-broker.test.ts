/** The broker contract on RabbitMQ, with both types of queue. */
import { connect } from 'amqplib'
import { createRabbitmqBroker } from '../../src/broker/rabbitmq/index.ts'
import { tenantQueueName } from '../../src/core/ids.ts'
import { describeBrokerContract } from './broker-contract.ts'

const url = process.env.TENANTRY_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

for (const queueType of ['quorum', 'classic'] as const) {
  describeBrokerContract(`rabbitmq, ${queueType} queues`, async () => ({
    createBroker: ({ maxInFlightPublishes = 5_000, maxInFlightPerTenant = maxInFlightPublishes } = {}) =>
      createRabbitmqBroker({
        url,
        heartbeatSeconds: 10,
        channelsPerConnection: 200,
        nodeName: 'contract-test',
        queueType,
        deliveryLimit: 100_000,
        maxInFlight: maxInFlightPublishes,
        maxInFlightPerTenant,
        maxInFlightBytes: 1e8,
        confirmTimeoutMs: 10_000,
      }),
    async putForeign(tenantId, body) {
      const connection = await connect(url)
      const channel = await connection.createConfirmChannel()
      channel.sendToQueue(tenantQueueName(tenantId), Buffer.from(body), { persistent: true })
      await channel.waitForConfirms()
      await connection.close()
    },
    // The contract deletes its tenants' queues itself.
    dispose: async () => {},
  }))
}
