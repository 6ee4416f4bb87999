/** R8: every packet takes its time, in both directions. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const networkSlow: Fault = {
  name: 'network-slow',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    for (const proxy of stage.proxies) proxy.delay(random.between(20, 200))
    try {
      await pause(intensity.slowMs)
    } finally {
      for (const proxy of stage.proxies) proxy.delay(0)
    }
  },
}
