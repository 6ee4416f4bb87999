/** How fast a backlog becomes rows: the engine with one tenant, hand-written loops, and other job queues. */
import { v7 as uuidv7 } from 'uuid'
import { type TenantId, tenantQueueName } from '../../../src/core/ids.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import type { Contender } from '../contenders/contender.ts'
import type { ContenderKind } from '../contenders/program.ts'
import { spawnContender } from '../contenders/spawn.ts'
import { openBacklog } from '../support/backlog.ts'
import { type EngineNode, startEngine } from '../support/engine.ts'
import { createProfileDir, readSelfTimes } from '../support/profile.ts'
import type { Benchmark, Target } from '../support/report.ts'
import { createPartition, readRate, waitForRows } from '../support/rows.ts'
import { type Services, startServices } from '../support/services.ts'
import { median, medianRatio } from '../support/statistics.ts'

interface Entrant {
  readonly name: string
  readonly contender: Contender
  readonly table: string
  readonly messages: number
  readonly rates: number[]
}

const labels = {
  batched: 'amqplib + pg, batches of 200, up to 5 INSERTs at once',
  serial: 'amqplib + pg, batches of 200, one INSERT at a time',
  'one-by-one': 'amqplib + pg, an INSERT per message, 5 in flight',
  bullmq: 'BullMQ on Redis, 20 in flight, an INSERT per job',
  'pg-boss': 'pg-boss, fetch 200 + INSERT + complete, one loop',
  'pg-boss-4': 'pg-boss, the same, four loops at once',
} satisfies Record<ContenderKind, string>

/** What part of the engine's messages a slow contender gets: every drain should take about as long. */
const shares: Readonly<Record<ContenderKind, number>> = {
  batched: 1,
  serial: 1,
  'one-by-one': 0.2,
  bullmq: 0.2,
  'pg-boss': 0.5,
  'pg-boss-4': 0.5,
}

export const runThroughput: Benchmark = async ({ messages = 60_000, rounds = 5, profile, say }) => {
  await using services = await startServices()
  const profileDir = profile ? createProfileDir() : undefined
  // The same prefetch as the loops have.
  const env = { DATABASE_URL: services.databaseUrl, RABBITMQ_URL: services.rabbitmqUrl, TENANTRY_PREFETCH: '1000' }
  const engine = await startEngine({ env, profileDir })
  const entrants: Entrant[] = [await enterEngine(engine, services, messages)]
  try {
    for (const kind of Object.keys(labels) as ContenderKind[]) {
      if (kind === 'bullmq' && services.redisUrl === undefined) say('no Redis answers: BullMQ is left out')
      else
        await enterContender(kind, services, messages).then(
          (entrant) => entrants.push(entrant),
          (error) => say(`left out: ${error}`),
        )
    }
    for (let round = 0; round <= rounds; round++) {
      // Round 0 warms everything up; every other round goes the other way round.
      for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) {
        const rate = await drain(services, entrant, round === 0 ? Math.ceil(entrant.messages / 4) : entrant.messages)
        if (round > 0) entrant.rates.push(rate)
        say(`round ${round}: ${entrant.name}: ${Math.round(rate)}/s`)
      }
    }
  } finally {
    for (const { contender } of entrants) await contender.close().catch(say)
  }

  const [own] = entrants as [Entrant, ...Entrant[]]
  const targetFor = (text: string, kind: ContenderKind, goal: number): Target[] => {
    const rival = entrants.find(({ name }) => name === labels[kind])
    return rival ? [{ text: `P1 × ${text}`, value: medianRatio(own.rates, rival.rates), goal, wants: 'at least' }] : []
  }
  return {
    name: 'throughput',
    measured:
      'a backlog in a durable quorum queue (BullMQ: Redis; pg-boss: PostgreSQL) is drained into the partitioned table and acknowledged; rows per second between the 5th and 95th percentile of processed_at, medians of rounds',
    versions: await services.versions(),
    tables: [
      {
        title: `drain, ${messages} messages, ${rounds} rounds`,
        columns: ['contender', 'messages/s', 'lowest', 'highest', 'engine is × as fast'],
        rows: entrants.map(({ name, rates }) => [
          name,
          median(rates),
          Math.min(...rates),
          Math.max(...rates),
          medianRatio(own.rates, rates).toFixed(2),
        ]),
      },
      ...(profileDir === undefined ? [] : [readSelfTimes(profileDir)]),
    ],
    targets: [
      ...targetFor('raw batched loop', 'batched', 1),
      ...targetFor('raw batched loop, one INSERT at a time', 'serial', 1),
      ...targetFor('one by one', 'one-by-one', 6),
      ...targetFor('BullMQ', 'bullmq', 4),
      ...targetFor('pg-boss, one loop', 'pg-boss', 4),
      ...targetFor('pg-boss, four loops', 'pg-boss-4', 4),
    ],
  }
}

async function drain(services: Services, { contender, table }: Entrant, messages: number): Promise<number> {
  await services.query(`truncate ${table}`)
  await contender.preload(messages)
  await services.query('checkpoint')
  await contender.start()
  await waitForRows(services, table, messages, 200)
  await contender.stop()
  return readRate(services, table)
}

async function enterEngine(engine: EngineNode, services: Services, messages: number): Promise<Entrant> {
  const tenantId = await engine.createTenant('bench')
  const backlog = await openBacklog(services.rabbitmqUrl)
  const set = (state: 'pause' | 'resume') => engine.call<void>('POST', `/tenants/${tenantId}/${state}`)
  await set('pause')
  return {
    name: 'Tenantry, one tenant, 3 workers',
    contender: {
      preload: (count) => backlog.fill([tenantQueueName(tenantId)], count),
      start: () => set('resume'),
      stop: () => set('pause'),
      async close() {
        await backlog.close()
        await engine.stop()
      },
    },
    table: partitionName(tenantId),
    messages,
    rates: [],
  }
}

async function enterContender(kind: ContenderKind, services: Services, messages: number): Promise<Entrant> {
  const tenantId = uuidv7() as TenantId
  await createPartition(services, tenantId)
  const { databaseUrl, rabbitmqUrl, redisUrl } = services
  return {
    name: labels[kind],
    contender: await spawnContender(kind, { tenantId, databaseUrl, rabbitmqUrl, redisUrl }),
    table: partitionName(tenantId),
    messages: Math.ceil(messages * shares[kind]),
    rates: [],
  }
}
