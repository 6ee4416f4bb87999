/** R19: the number of workers changes faster than it can be followed. */
import { eventually } from '../../support/eventually.ts'
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

const convergenceLimitMs = 30_000
const restWorkers = 5

export const resizeStorm: Fault = {
  name: 'resize-storm',
  brokers: ['rabbitmq', 'postgres'],
  async inject({ stage, random, tenants, intensity }) {
    const resize = (id: string, workers: number) => stage.api().call('PUT', `/v1/tenants/${id}/config/concurrency`, { json: { workers } })
    for (let round = 0; round < intensity.repeats * 5; round++) {
      // Several at once: the last one to be stored is the one that counts.
      await Promise.all(tenants.flatMap(({ id }) => [resize(id, random.between(1, 50)), resize(id, random.pick([1, 50]))]))
      await pause(random.between(0, 50))
    }
    await Promise.all(tenants.map(({ id }) => resize(id, restWorkers)))
    const check = async (): Promise<boolean> => {
      const stats = await Promise.all(tenants.map(({ id }) => stage.api().stats(id)))
      return stats.every(({ workers }) => workers.desired === restWorkers && workers.current === restWorkers)
    }
    await eventually(check, { timeoutMs: convergenceLimitMs, everyMs: 50 })
  },
}
