/** R2: a second node works for the same tenants, dies, and does not come back. */
import type { Fault } from './fault.ts'

export const nodeKill: Fault = {
  name: 'node-kill',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, load, intensity }) {
    for (let round = 0; round < Math.ceil(intensity.repeats / 3); round++) {
      const other = await stage.startOther()
      await load.more(random.between(20, 60))
      await other.end('SIGKILL')
    }
  },
}
