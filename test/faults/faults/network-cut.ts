/** Connections to the servers break, some or all, again and again. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const networkCut: Fault = {
  name: 'network-cut',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    for (let round = 0; round < intensity.repeats; round++) {
      const proxy = random.pick(stage.proxies)
      const share = random.pick([0.3, 0.7, 1])
      proxy.cut([...proxy.connections.keys()].filter(() => random.chance(share)))
      await pause(random.between(0, 300))
    }
  },
}
