/** R14: an operator limits the queues; those of tenants that do not work fill up, and refuse. */

import { eventually } from '../../support/eventually.ts'
import type { Load, LoadTenant } from '../load/load.ts'
import { pause } from '../pause.ts'
import type { Fault } from './fault.ts'

const limit = 20
const resumeLimitMs = 30_000

export const queueFull: Fault = {
  name: 'queue-full',
  brokers: ['rabbitmq'],
  needsBrokerProcess: true,
  async inject({ stage, load, tenants, intensity }) {
    const rabbitmq = stage.servers.rabbitmq
    if (!rabbitmq) return
    const command = (id: string, name: string) => stage.api().call('POST', `/v1/tenants/${id}/${name}`, { json: {} })
    const policy = JSON.stringify({ 'max-length': limit, overflow: 'reject-publish' })
    await rabbitmq.ctl(['set_policy', 'limit', '^tenant_.*_queue$', policy, '--apply-to', 'queues'])
    try {
      for (const { id } of tenants) await command(id, 'pause')
      await pause(intensity.slowMs)
      for (const { id } of tenants) {
        await eventually(async () => (await command(id, 'resume')).status === 200, { timeoutMs: resumeLimitMs, everyMs: 100 })
      }
      // RabbitMQ 3.10 goes on to refuse what a channel publishes to a queue whose limit is lifted while it is full.
      await Promise.all(tenants.map((tenant) => eventually(() => seeAccepted(load, tenant), { timeoutMs: resumeLimitMs, everyMs: 50 })))
    } finally {
      await rabbitmq.ctl(['clear_policy', 'limit'])
    }
  },
}

const seeAccepted = async (load: Load, tenant: LoadTenant): Promise<boolean> => (await load.publish(tenant, 'stored', 1)).length > 0
