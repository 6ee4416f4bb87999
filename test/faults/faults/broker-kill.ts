/** R3: kill -9 of RabbitMQ, and a restart on the same data. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const brokerKill: Fault = {
  name: 'broker-kill',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, random, intensity }) {
    await stage.servers.rabbitmq?.kill()
    await pause(random.between(0, intensity.awayMs))
    await stage.servers.rabbitmq?.restart()
  },
}
