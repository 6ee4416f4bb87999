/** R6: an administrator ends some of the engine's connections to PostgreSQL, again and again. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const backendsTerminated: Fault = {
  name: 'backends-terminated',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    for (let round = 0; round < intensity.repeats; round++) {
      await stage.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and abs(hashint4(pid + $1)) % 100 < $2`,
        [random.between(0, 1_000), random.pick([30, 60, 100])],
      )
      await pause(random.between(0, 400))
    }
  },
}
