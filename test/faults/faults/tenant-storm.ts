/** R20: tenants are created, used, deleted, and created again with the same name, many at once. */
import { randomBytes } from 'node:crypto'
import { eventually } from '../../support/eventually.ts'
import type { Fault, Scene } from './fault.ts'

const lives = 2
const deletionLimitMs = 60_000

export const tenantStorm: Fault = {
  name: 'tenant-storm',
  brokers: ['rabbitmq', 'postgres'],
  async inject(scene) {
    await Promise.all(Array.from({ length: scene.intensity.repeats }, (_, place) => liveAndDie(scene, place)))
  },
}

async function liveAndDie({ stage, load, history, random }: Scene, place: number): Promise<void> {
  const name = `storm ${place} ${random.seed}`
  for (let life = 0; life < lives; life++) {
    const { id } = await stage.api().createTenant({ name })
    const tenant = { id, canary: `canary-${randomBytes(8).toString('hex')}` }
    history.add({ kind: 'tenant', tenant: id, canary: tenant.canary })
    await Promise.all(['stored', 'effect', 'stored'].map((type) => load.publish(tenant, type, random.between(1, 20))))
    history.add({ kind: 'deleting', tenant: id })
    // What is published to it now is refused, or goes with it.
    const publishing = load.publish(tenant, 'stored', 5)
    const path = `/v1/tenants/${id}?mode=${random.pick(['drain', 'discard'])}`
    await Promise.all([stage.api().call('DELETE', path), random.chance(0.3) ? stage.api().call('DELETE', path) : undefined])
    await publishing
    await eventually(async () => (await stage.api().call('GET', `/v1/tenants/${id}`)).status === 404, {
      timeoutMs: deletionLimitMs,
      everyMs: 50,
    })
  }
}
