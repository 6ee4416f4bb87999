/** R13: RabbitMQ is short of disk and stops reading what publishers send. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const diskAlarm: Fault = {
  name: 'disk-alarm',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, intensity }) {
    const rabbitmq = stage.servers.rabbitmq
    if (!rabbitmq) return
    await rabbitmq.ctl(['set_disk_free_limit', '1000000GB'])
    try {
      await pause(intensity.slowMs)
    } finally {
      await rabbitmq.ctl(['set_disk_free_limit', '50MB'])
    }
  },
}
