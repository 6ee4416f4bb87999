/** How much slower the engine is when the same load is spread over many tenants. */
import { setTimeout as delay } from 'node:timers/promises'
import { tenantQueueName } from '../../../src/core/ids.ts'
import { openBacklog } from '../support/backlog.ts'
import { type EngineNode, startEngine } from '../support/engine.ts'
import { createProfileDir, readSelfTimes } from '../support/profile.ts'
import type { Benchmark } from '../support/report.ts'
import { readRate, waitForRows } from '../support/rows.ts'
import { type Services, startServices } from '../support/services.ts'
import { median, medianRatio } from '../support/statistics.ts'
import { createTenants, tenantStates } from '../support/tenants.ts'

const tenantCount = 500
const settleLimitMs = 60_000

export const runTenants: Benchmark = async ({ messages = 60_000, rounds = 5, profile, say }) => {
  await using services = await startServices()
  const profileDir = profile ? createProfileDir() : undefined
  const engine = await startEngine({
    env: {
      DATABASE_URL: services.databaseUrl,
      RABBITMQ_URL: services.rabbitmqUrl,
      // All tenants are paused and resumed by one UPDATE, which the reconciler finds.
      TENANTRY_RECONCILE_INTERVAL_MS: '250',
    },
    profileDir,
  })
  const backlog = await openBacklog(services.rabbitmqUrl)
  const rates = { one: [] as number[], all: [] as number[] }
  try {
    const tenantIds = await createTenants(engine, tenantCount)
    say(`${tenantCount} tenants are there`)
    const queues = tenantIds.map(tenantQueueName)
    for (let round = 0; round <= rounds; round++) {
      const order = round % 2 === 0 ? (['one', 'all'] as const) : (['all', 'one'] as const)
      for (const spread of order) {
        const count = round === 0 ? Math.ceil(messages / 4) : messages
        const rate = await drain(engine, services, count, () => backlog.fill(spread === 'one' ? queues.slice(0, 1) : queues, count))
        if (round > 0) rates[spread].push(rate)
        say(`round ${round}: over ${spread === 'one' ? 1 : tenantCount}: ${Math.round(rate)}/s`)
      }
    }
  } finally {
    await backlog.close()
    await engine.stop()
  }

  return {
    name: 'tenants',
    measured: `as throughput, one engine with ${tenantCount} tenants: all messages in one tenant's queue, or spread evenly over all queues`,
    versions: await services.versions(),
    tables: [
      {
        title: `drain, ${messages} messages, ${rounds} rounds`,
        columns: ['spread over', 'messages/s', 'lowest', 'highest'],
        rows: [
          ['1 tenant', median(rates.one), Math.min(...rates.one), Math.max(...rates.one)],
          [`${tenantCount} tenants`, median(rates.all), Math.min(...rates.all), Math.max(...rates.all)],
        ],
      },
      ...(profileDir === undefined ? [] : [readSelfTimes(profileDir)]),
    ],
    targets: [{ text: `P2 ${tenantCount} tenants ÷ 1 tenant`, value: medianRatio(rates.all, rates.one), goal: 0.6, wants: 'at least' }],
  }
}

async function drain(engine: EngineNode, services: Services, count: number, fill: () => Promise<void>): Promise<number> {
  await setAll(engine, services, 'paused')
  await services.query('truncate messages')
  await fill()
  await services.query('checkpoint')
  await services.query(`update tenants set status = 'active', version = version + 1`)
  await waitForRows(services, 'messages', count, 500)
  return readRate(services, 'messages')
}

async function setAll(engine: EngineNode, { query }: Services, status: 'paused'): Promise<void> {
  await query(`update tenants set status = $1, version = version + 1`, [status])
  const endsAt = performance.now() + settleLimitMs
  while ((await tenantStates(engine)).get(status) !== tenantCount) {
    if (performance.now() > endsAt) throw new Error(`not every tenant is ${status} after ${settleLimitMs} ms`)
    await delay(200)
  }
}
