/** Tenants are paused, drained, restarted and resumed under load, without waiting for one another. */

import { eventually } from '../../support/eventually.ts'
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

const resumeLimitMs = 30_000

export const lifecycleStorm: Fault = {
  name: 'lifecycle-storm',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, tenants, intensity }) {
    const command = (id: string, name: string) => stage.api().call('POST', `/v1/tenants/${id}/${name}`, { json: {} })
    for (let round = 0; round < intensity.repeats * 3; round++) {
      await Promise.all(tenants.map(({ id }) => command(id, random.pick(['pause', 'drain', 'restart', 'resume']))))
      await pause(random.between(0, 100))
    }
    for (const { id } of tenants) {
      await eventually(async () => (await command(id, 'resume')).status === 200, { timeoutMs: resumeLimitMs, everyMs: 100 })
    }
  },
}
