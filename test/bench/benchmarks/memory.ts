/** Whether a backlog of a million messages shows in the memory of the node that works on it. */
import { setTimeout as delay } from 'node:timers/promises'
import { partitionName } from '../../../src/database/partitions.ts'
import { type EngineNode, startEngine } from '../support/engine.ts'
import { messageData, messageType } from '../support/message.ts'
import type { Benchmark, Cell, Target } from '../support/report.ts'
import { type Services, startServices } from '../support/services.ts'

const batchSize = 1000
const sampleMs = 500

export const runMemory: Benchmark = async ({ messages = 1_000_000, say }) => {
  await using services = await startServices()
  const rows: Cell[][] = []
  const targets: Target[] = []
  for (const broker of ['RabbitMQ', 'PostgreSQL'] as const) {
    const env = { DATABASE_URL: services.databaseUrl, ...(broker === 'RabbitMQ' ? { RABBITMQ_URL: services.rabbitmqUrl } : {}) }
    const engine = await startEngine({ env })
    try {
      const tenantId = await engine.createTenant(`bench ${broker}`)
      const table = partitionName(tenantId)
      // What the first tenth leaves behind (code, pools, buffers) is the level that the rest is compared with.
      const small = await fillAndDrain({ engine, services, tenantId, table, count: Math.ceil(messages / 10) })
      await services.query(`truncate ${table}`)
      const large = await fillAndDrain({ engine, services, tenantId, table, count: messages })
      say(`${broker}: at most ${mib(small)} MiB with ${messages / 10}, ${mib(large)} MiB with ${messages}`)
      rows.push([broker, mib(small), mib(large), large / small])
      targets.push({
        text: `P7 peak RSS, ${messages} messages over a tenth of them, ${broker}`,
        value: large / small,
        goal: 1.25,
        wants: 'at most',
      })
    } finally {
      await engine.stop()
    }
  }
  return {
    name: 'memory',
    measured: `${messages} messages are published in batches to a tenant that is paused, then it is resumed and works them all off; before that, a tenth of them. The largest resident memory of the node over each`,
    versions: await services.versions(),
    tables: [{ title: 'peak RSS', columns: ['broker', 'MiB with a tenth', 'MiB with all', 'ratio'], rows }],
    targets,
  }
}

const mib = (kib: number): number => Math.round(kib / 1024)

interface Load {
  readonly engine: EngineNode
  readonly services: Services
  readonly tenantId: string
  readonly table: string
  readonly count: number
}

/** The largest RSS in KiB from the first publish to the last row. */
async function fillAndDrain({ engine, services, tenantId, table, count }: Load): Promise<number> {
  let peak = 0
  const sampler = setInterval(() => {
    peak = Math.max(peak, engine.rssKib())
  }, sampleMs)
  try {
    await engine.call('POST', `/tenants/${tenantId}/pause`)
    const batch = { messages: Array.from({ length: batchSize }, () => ({ type: messageType, data: messageData })) }
    for (let sent = 0; sent < count; sent += batchSize) await publish(engine, tenantId, batch)
    await engine.call('POST', `/tenants/${tenantId}/resume`)
    for (;;) {
      const [row] = await services.query<{ rows: number }>(`select count(*)::int as rows from ${table}`)
      if ((row?.rows ?? 0) >= count) return peak
      await delay(sampleMs)
    }
  } finally {
    clearInterval(sampler)
  }
}

/** The broker may ask to wait: a window that is full, an alarm of its own. */
async function publish(engine: EngineNode, tenantId: string, batch: unknown): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await engine.call('POST', `/tenants/${tenantId}/messages/batch`, batch)
      return
    } catch (error) {
      if (attempt === 20) throw error
      await delay(200)
    }
  }
}
