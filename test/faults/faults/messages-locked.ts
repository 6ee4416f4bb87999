/** R8: the table of messages is locked, so that whoever writes or reads it waits, or is told that it took too long. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const messagesLocked: Fault = {
  name: 'messages-locked',
  brokers: ['rabbitmq', 'postgres'],
  inject: ({ stage, random, intensity }) =>
    stage.database.withClient(async (client) => {
      await client.query('begin')
      await client.query('lock table messages in access exclusive mode')
      await pause(intensity.slowMs + random.between(0, intensity.slowMs))
      await client.query('rollback')
    }),
}
