/** The engine does not run for a while, and does not know: its connections may be gone when it wakes. */
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

export const engineStopped: Fault = {
  name: 'engine-stopped',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, intensity }) {
    stage.engine.signal('SIGSTOP')
    try {
      await pause(intensity.awayMs + random.between(0, intensity.awayMs))
    } finally {
      stage.engine.signal('SIGCONT')
    }
  },
}
