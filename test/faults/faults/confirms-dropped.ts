/** R10: messages arrive, and the broker's word that they have does not; then the connection is gone. */
import { pause } from '../pause.ts'
import { findQueueConnections } from './connections-to-queues.ts'
import type { Fault } from './fault.ts'

export const confirmsDropped: Fault = {
  name: 'confirms-dropped',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, load, random, intensity }) {
    for (let round = 0; round < intensity.repeats; round++) {
      const connections = findQueueConnections(stage, 'publisher')
      for (const connection of connections) connection.mute('server')
      // Whatever is published now is stored, and nobody learns it.
      await pause(random.between(20, 200))
      for (const connection of connections) connection.cut()
      await load.more(5)
    }
  },
}
