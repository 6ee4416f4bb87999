/** How much slower the engine is when the same load is spread over many tenants. */
import { tenantQueueName } from '../../../src/core/ids.ts'
import { openBacklog } from '../support/backlog.ts'
import { drainAll } from '../support/drain-all.ts'
import { startEngine } from '../support/engine.ts'
import { createProfileDir, readSelfTimes } from '../support/profile.ts'
import type { Benchmark } from '../support/report.ts'
import { startServices } from '../support/services.ts'
import { median, medianRatio } from '../support/statistics.ts'
import { createTenants } from '../support/tenants.ts'

const tenantCount = 500

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
        const fill = () => backlog.fill(spread === 'one' ? queues.slice(0, 1) : queues, count)
        const rate = await drainAll({ engine, services, tenantCount, messages: count, fill })
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
