/** R5: RabbitMQ does not answer, and its connections stay open: only heartbeats tell. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const brokerStopped: Fault = {
  name: 'broker-stopped',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, random, intensity }) {
    const pid = stage.servers.rabbitmq?.pid
    if (pid === undefined) return
    process.kill(pid, 'SIGSTOP')
    try {
      await pause(intensity.awayMs + random.between(0, intensity.awayMs))
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  },
}
