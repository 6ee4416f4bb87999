/** R11: outcomes are recorded, and the acknowledgements never arrive; the broker delivers everything again. */
import { pause } from '../pause.ts'
import { findQueueConnections } from './connections-to-queues.ts'
import type { Fault } from './fault.ts'

export const acksDropped: Fault = {
  name: 'acks-dropped',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, load, random, intensity }) {
    for (let round = 0; round < intensity.repeats; round++) {
      const connections = findQueueConnections(stage, 'consumers')
      for (const connection of connections) connection.mute('client')
      await pause(random.between(50, 300))
      for (const connection of connections) connection.cut()
      await load.more(5)
    }
  },
}
