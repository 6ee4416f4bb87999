/** What tenants without work cost: memory, and the time until all run again after a restart. */
import { setTimeout as delay } from 'node:timers/promises'
import { type EngineNode, startEngine } from '../support/engine.ts'
import type { Benchmark, Cell, Target } from '../support/report.ts'
import { startServices } from '../support/services.ts'
import { createTenants, tenantStates } from '../support/tenants.ts'

const tenantCount = 1000
const restoreLimitMs = 180_000
/** The time in which V8 gives some of the garbage of the start back. */
const restSeconds = 12

export const runIdle: Benchmark = async ({ say }) => {
  await using services = await startServices()
  const rows: Cell[][] = []
  const targets: Target[] = []
  for (const broker of ['RabbitMQ', 'PostgreSQL'] as const) {
    const env = { DATABASE_URL: services.databaseUrl, ...(broker === 'RabbitMQ' ? { RABBITMQ_URL: services.rabbitmqUrl } : {}) }
    let engine = await startEngine({ env })
    let empty: Memory
    let createMs = 0
    try {
      empty = await readMemory(engine)
      const startedAt = performance.now()
      await createTenants(engine, tenantCount)
      createMs = performance.now() - startedAt
      say(`${broker}: ${tenantCount} tenants created in ${Math.round(createMs)} ms`)
    } finally {
      await engine.stop()
    }

    engine = await startEngine({ env })
    try {
      const runningMs = engine.readyMs + (await waitUntilRunning(engine))
      say(`${broker}: all running ${Math.round(runningMs)} ms after the start, ready after ${Math.round(engine.readyMs)} ms`)
      const full = await readMemory(engine)
      const rssPerTenant = (full.rssKib - empty.rssKib) / tenantCount
      const heapPerTenant = (full.heapKib - empty.heapKib) / tenantCount
      const mib = [empty.rssKib / 1024, full.rssKib / 1024]
      rows.push([broker, ...mib, rssPerTenant, heapPerTenant, createMs / tenantCount, engine.readyMs, runningMs])
      targets.push({ text: `P6 KiB of RSS per idle tenant, ${broker}`, value: rssPerTenant, goal: 40, wants: 'at most' })
      targets.push({ text: `P6 s until all run, ${broker}`, value: runningMs / 1000, goal: 30, wants: 'at most' })
    } finally {
      await engine.stop()
    }
    // The other broker has no queues of these tenants, and should find none.
    await services.query('delete from tenants')
  }
  return {
    name: 'idle',
    measured: `${tenantCount} tenants with 3 workers each and no messages. Memory: after a restart with them, less that of a node without tenants, the least in ${restSeconds} s; running: from the start of the process until the API shows every tenant as running`,
    versions: await services.versions(),
    tables: [
      {
        title: `${tenantCount} idle tenants, once`,
        columns: [
          'broker',
          'RSS empty MiB',
          'RSS with them MiB',
          'RSS KiB each',
          'heap KiB each',
          'ms to create one',
          'ready ms',
          'all running ms',
        ],
        rows,
      },
    ],
    targets,
  }
}

interface Memory {
  readonly rssKib: number
  readonly heapKib: number
}

/** The least of a reading each second: garbage is no property of a tenant. */
async function readMemory(engine: EngineNode): Promise<Memory> {
  let least: Memory = { rssKib: Number.POSITIVE_INFINITY, heapKib: Number.POSITIVE_INFINITY }
  for (let second = 0; second < restSeconds; second++) {
    await delay(1000)
    const metrics = await (await fetch(`${engine.url}/metrics`)).text()
    const heapKib = Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1]) / 1024
    least = { rssKib: Math.min(least.rssKib, engine.rssKib()), heapKib: Math.min(least.heapKib, heapKib) }
  }
  return least
}

async function waitUntilRunning(engine: EngineNode): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const states = await tenantStates(engine)
    const passedMs = performance.now() - startedAt
    if (states.get('running') === tenantCount) return passedMs
    if (passedMs > restoreLimitMs) throw new Error(`after ${restoreLimitMs} ms: ${JSON.stringify(Object.fromEntries(states))}`)
    await delay(250)
  }
}
