/** The broker contract on RabbitMQ, with both types of queue. */
import { createRabbitmqBroker } from '../../src/broker/rabbitmq/index.ts'
import { describeBrokerContract } from './broker-contract.ts'

const url = process.env.TENANTRY_TEST_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

for (const queueType of ['quorum', 'classic'] as const) {
  describeBrokerContract(`rabbitmq, ${queueType} queues`, async () => ({
    createBroker: ({ maxInFlightPublishes = 5_000 } = {}) =>
      createRabbitmqBroker({
        url,
        heartbeatSeconds: 10,
        channelsPerConnection: 200,
        nodeName: 'contract-test',
        queueType,
        deliveryLimit: 100_000,
        maxInFlight: maxInFlightPublishes,
        maxInFlightPerTenant: maxInFlightPublishes,
        maxInFlightBytes: 1e8,
        confirmTimeoutMs: 10_000,
      }),
    // The contract deletes its tenants' queues itself.
    dispose: async () => {},
  }))
}
