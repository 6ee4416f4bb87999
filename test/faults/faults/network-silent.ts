/** R12: nothing passes and nothing is refused; then it passes late, or everything is cut. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const networkSilent: Fault = {
  name: 'network-silent',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    const silent = stage.proxies.filter(() => random.chance(0.7))
    for (const proxy of silent) proxy.freeze()
    try {
      await pause(intensity.awayMs + random.between(0, intensity.awayMs))
      if (random.chance(0.5)) for (const proxy of silent) proxy.cut()
    } finally {
      for (const proxy of silent) proxy.thaw()
    }
  },
}
