/** R4: an operator closes every AMQP connection. */
import type { Fault } from './fault.ts'

export const connectionsClosed: Fault = {
  name: 'connections-closed',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, load, random, intensity }) {
    for (let round = 0; round < Math.ceil(intensity.repeats / 3); round++) {
      await load.more(random.between(1, 30))
      await stage.servers.rabbitmq?.ctl(['close_all_connections', 'the fault suite says so'])
    }
  },
}
