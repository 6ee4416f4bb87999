/** R1: kill -9 of the engine, and a new process. */
import type { Fault } from './fault.ts'

export const engineKill: Fault = {
  name: 'engine-kill',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, load }) {
    // Between "just accepted" and "long committed".
    await load.more(random.between(1, 10))
    await stage.engine.end('SIGKILL')
    await stage.engine.start()
  },
}
