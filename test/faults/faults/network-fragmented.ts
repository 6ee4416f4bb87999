/** R12: what is sent together arrives in pieces. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const networkFragmented: Fault = {
  name: 'network-fragmented',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    for (const proxy of stage.proxies) proxy.fragment(random.between(7, 100))
    try {
      await pause(intensity.slowMs)
    } finally {
      for (const proxy of stage.proxies) proxy.fragment(undefined)
    }
  },
}
