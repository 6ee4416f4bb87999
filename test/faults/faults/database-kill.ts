/** R6: PostgreSQL ends at once, without a checkpoint, and recovers. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const databaseKill: Fault = {
  name: 'database-kill',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    await stage.servers.postgres.kill()
    await pause(random.between(0, intensity.awayMs))
    await stage.servers.postgres.restart()
  },
}
