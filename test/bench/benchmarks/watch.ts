/** What it costs when somebody watches: the engine with many tenants, with and without an admin on the stream of actors. */
import { setTimeout as delay } from 'node:timers/promises'
import { tenantQueueName } from '../../../src/core/ids.ts'
import { openBacklog } from '../support/backlog.ts'
import { drainAll } from '../support/drain-all.ts'
import { startEngine } from '../support/engine.ts'
import { createProfileDir, readSelfTimes } from '../support/profile.ts'
import type { Benchmark } from '../support/report.ts'
import { startServices } from '../support/services.ts'
import { median, medianRatio } from '../support/statistics.ts'
import { createTenants } from '../support/tenants.ts'
import { openWatchCount } from '../support/watch-count.ts'

const kinds = ['unwatched', 'watched'] as const
/**
 * How long a node goes on listening for a watcher that may come again, and a little more: before that nothing is unwatched. Watched
 * drains rest as long, since the database and the broker are the better for it.
 */
const restMs = 62_000

export const runWatch: Benchmark = async ({ messages = 120_000, rounds = 7, profile, say }) => {
  // The target speaks of a thousand; a run with fewer messages, to see that it works, has fewer.
  const tenantCount = Math.min(1_000, Math.ceil(messages / 20))
  await using services = await startServices()
  const profileDir = profile ? createProfileDir() : undefined
  const engine = await startEngine({
    env: {
      DATABASE_URL: services.databaseUrl,
      RABBITMQ_URL: services.rabbitmqUrl,
      // All tenants are paused and resumed by one UPDATE, which the reconciler finds.
      TENANTRY_RECONCILE_INTERVAL_MS: '250',
      TENANTRY_AUTH_TOKEN_TTL_SECONDS: '86400',
    },
    profileDir,
  })
  const backlog = await openBacklog(services.rabbitmqUrl)
  const rates = { unwatched: [] as number[], watched: [] as number[] }
  const cpu = { unwatched: [] as number[], watched: [] as number[] }
  const changes: number[] = []
  try {
    const queues = (await createTenants(engine, tenantCount)).map(tenantQueueName)
    say(`${tenantCount} tenants are there`)
    for (let round = 0; round <= rounds; round++) {
      const count = round === 0 ? Math.ceil(messages / 4) : messages
      // Round 0 warms everything up; every other round goes the other way round.
      for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
        await delay(restMs)
        const cpuBefore = engine.cpuSeconds()
        const watcher = kind === 'watched' ? await openWatchCount(engine) : undefined
        const rate = await drainAll({ engine, services, tenantCount, messages: count, fill: () => backlog.fill(queues, count) })
        const seen = await watcher?.close()
        const cpuSeconds = engine.cpuSeconds() - cpuBefore
        if (seen === 0) throw new Error('the watcher has seen nothing')
        if (round > 0) rates[kind].push(rate)
        if (round > 0) cpu[kind].push(cpuSeconds)
        if (round > 0 && seen !== undefined) changes.push(seen)
        say(
          `round ${round}: ${kind}: ${Math.round(rate)}/s, ${cpuSeconds.toFixed(2)} s of processor time${seen === undefined ? '' : `, ${seen} changes seen`}`,
        )
      }
    }
  } finally {
    await backlog.close()
    await engine.stop()
  }

  const ratio = medianRatio(rates.watched, rates.unwatched)
  return {
    name: 'watch',
    measured: `one engine, ${tenantCount} tenants, a backlog spread evenly over their queues: with an admin on GET /actors/stream, and without anybody`,
    versions: await services.versions(),
    tables: [
      {
        title: `drain, ${messages} messages, ${rounds} rounds; ${median(changes)} changes seen in a round`,
        columns: ['', 'messages/s', 'lowest', 'highest', 'processor time of the engine, s'],
        rows: kinds.map((kind) => [kind, median(rates[kind]), Math.min(...rates[kind]), Math.max(...rates[kind]), median(cpu[kind])]),
      },
      ...(profileDir === undefined ? [] : [readSelfTimes(profileDir)]),
    ],
    targets: [
      { text: `watched ÷ unwatched, ${tenantCount} tenants`, value: ratio, goal: 0.98, wants: 'at least' },
      { text: 'the same of processor time', value: medianRatio(cpu.watched, cpu.unwatched), goal: 1.02, wants: 'at most' },
    ],
  }
}
