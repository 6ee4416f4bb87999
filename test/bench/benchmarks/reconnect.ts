/** How long a thousand tenants are without their broker after it is back. */
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'amqplib'
import { startEngine } from '../support/engine.ts'
import type { Benchmark, Cell } from '../support/report.ts'
import { startServices } from '../support/services.ts'
import { createTenants } from '../support/tenants.ts'

const tenantCount = 1000
const limitMs = 180_000

export const runReconnect: Benchmark = async ({ rounds = 3, say }) => {
  await using services = await startServices()
  const engine = await startEngine({ env: { DATABASE_URL: services.databaseUrl, RABBITMQ_URL: services.rabbitmqUrl } })
  const rows: Cell[][] = []
  const seconds: number[] = []
  try {
    const ids = await createTenants(engine, tenantCount)
    const queues = ids.map((id) => `tenant_${id}_queue`)
    for (let round = 1; round <= rounds; round++) {
      // A queue that has just been declared may lose its leader with the broker: let them settle.
      await delay(5_000)
      await services.crashRabbitmq()
      const backAt = performance.now()
      const missing = await whenConsumed(services.rabbitmqUrl, queues)
      const passed = (performance.now() - backAt) / 1000
      seconds.push(passed)
      rows.push([round, passed, missing])
      say(`round ${round}: every queue has its consumer ${passed.toFixed(1)} s after the broker is back`)
    }
  } finally {
    await engine.stop()
  }
  return {
    name: 'reconnect',
    measured: `${tenantCount} tenants, quorum queues; RabbitMQ is killed (SIGKILL) and started again. From the moment at which it accepts connections until each tenant's queue has a consumer, as the broker counts them`,
    versions: await services.versions(),
    tables: [{ title: `${rounds} kills`, columns: ['round', 'seconds', 'queues looked at again'], rows }],
    targets: [{ text: 's until every tenant consumes again', value: Math.max(...seconds), goal: 30, wants: 'at most' }],
  }
}

/** Resolves when each queue has a consumer; with how often one had to be looked at again. */
async function whenConsumed(url: string, queues: readonly string[]): Promise<number> {
  const endsAt = performance.now() + limitMs
  let again = 0
  const connection = await connect(url)
  connection.on('error', () => {})
  try {
    for (const queue of queues) {
      while ((await countConsumers(connection, queue)) === 0) {
        if (performance.now() > endsAt) throw new Error(`${queue} has no consumer after ${limitMs} ms`)
        again++
        await delay(50)
      }
    }
    return again
  } finally {
    await connection.close()
  }
}

/** 0 also for a queue that cannot be asked yet: its leader is being found. */
async function countConsumers(connection: Awaited<ReturnType<typeof connect>>, queue: string): Promise<number> {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  try {
    const { consumerCount } = await channel.checkQueue(queue)
    await channel.close()
    return consumerCount
  } catch {
    return 0
  }
}
