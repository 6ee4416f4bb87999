/** R1: the same unacknowledged messages are delivered and given back more than twenty times: RabbitMQ 4 counts, and drops at twenty by default. */
import { rmSync, writeFileSync } from 'node:fs'
import { eventually } from '../../support/eventually.ts'
import { findQueueConnections } from './connections-to-queues.ts'
import type { Fault, Scene } from './fault.ts'

const heldPerTenant = 20
const redeliveryLimitMs = 60_000

export const windowLost: Fault = {
  name: 'window-lost',
  brokers: ['rabbitmq', 'postgres'],
  async inject(scene) {
    const { stage, load, tenants, intensity } = scene
    writeFileSync(stage.gateFile, '')
    // Nothing is worked on meanwhile: the load would only pile up.
    load.hold()
    try {
      for (const tenant of tenants) {
        await eventually(async () => (await load.publish(tenant, 'held', heldPerTenant)).length > 0, { timeoutMs: redeliveryLimitMs })
      }
      for (let loss = 0; loss < intensity.losses; loss++) {
        await seeDelivered(scene)
        await loseWindow(scene)
      }
      await seeDelivered(scene)
    } finally {
      rmSync(stage.gateFile)
      load.release()
    }
  },
}

/** Resolves when every tenant has been given the messages that wait, and maybe more. */
async function seeDelivered({ stage, tenants }: Scene): Promise<void> {
  const check = async (): Promise<void> => {
    for (const { id } of tenants) {
      const { in_flight, state } = await stage.api().stats(id)
      if (state !== 'running' || in_flight < heldPerTenant) throw new Error(`${id} is ${state}, in flight ${in_flight}`)
    }
  }
  await eventually(check, { timeoutMs: redeliveryLimitMs, everyMs: 20 })
}

async function loseWindow({ stage, intensity }: Scene): Promise<void> {
  if (intensity.lossesAreKills) {
    await stage.engine.end('SIGKILL')
    return stage.engine.start()
  }
  for (const connection of findQueueConnections(stage, 'consumers')) connection.cut()
}
