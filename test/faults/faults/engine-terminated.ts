/** R21: SIGTERM under load, and SIGKILL if the drain is not over soon. */
import type { Fault } from './fault.ts'

const longestPatienceMs = 1_000

export const engineTerminated: Fault = {
  name: 'engine-terminated',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, load }) {
    await load.more(random.between(1, 10))
    await stage.engine.end('SIGTERM', random.between(0, longestPatienceMs))
    await stage.engine.start()
  },
}
