/** R3: kill -9 of RabbitMQ, and a restart on the same data. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

/**
 * RabbitMQ 3.10 forgets who leads a quorum queue when it is killed within a second or so of the queue's declaration, and never finds
 * out: that queue answers nobody any more. Nothing a client does mends it (docs/operations.md), so the fault strikes later.
 */
const declaredLongAgoMs = 5_000

export const brokerKill: Fault = {
  name: 'broker-kill',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, random, intensity }) {
    await pause(declaredLongAgoMs)
    await stage.servers.rabbitmq?.kill()
    await pause(random.between(0, intensity.awayMs))
    await stage.servers.rabbitmq?.restart()
  },
}
