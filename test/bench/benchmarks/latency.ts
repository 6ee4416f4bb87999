/** How long a message takes from the API's acceptance to its committed row, at a steady 1,000 a second. */
import { partitionName } from '../../../src/database/partitions.ts'
import { type CommitTimes, medianCommitTimes, readCommitBuckets, toCommitTimes } from '../support/commit-times.ts'
import { startEngine } from '../support/engine.ts'
import { messageData, messageType } from '../support/message.ts'
import { pace } from '../support/pace.ts'
import type { Benchmark, Cell, Target } from '../support/report.ts'
import { waitForRows } from '../support/rows.ts'
import { type Services, startServices } from '../support/services.ts'
import { median } from '../support/statistics.ts'

const perSecond = 1000
const seconds = 10
const warmUpSeconds = 3

interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export const runLatency: Benchmark = async ({ rounds = 3, say }) => {
  await using services = await startServices()
  const rows: Cell[][] = []
  const targets: Target[] = []
  for (const broker of ['RabbitMQ', 'PostgreSQL'] as const) {
    const env = { DATABASE_URL: services.databaseUrl, ...(broker === 'RabbitMQ' ? { RABBITMQ_URL: services.rabbitmqUrl } : {}) }
    const engine = await startEngine({ env })
    try {
      const tenantId = await engine.createTenant(`bench ${broker}`)
      const table = partitionName(tenantId)
      const measured: Latency[] = []
      const commits: CommitTimes[] = []
      for (let round = 0; round <= rounds; round++) {
        const length = round === 0 ? warmUpSeconds : seconds
        await services.query(`truncate ${table}`)
        const before = await readCommitBuckets(engine.url)
        await pace({
          url: `${engine.url}/v1/tenants/${tenantId}/messages`,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${engine.token}` },
          body: JSON.stringify({ type: messageType, data: messageData }),
          perSecond,
          seconds: length,
        })
        await waitForRows(services, table, perSecond * length, 50)
        const latency = await readLatency(services, table)
        if (round > 0) {
          measured.push(latency)
          commits.push(toCommitTimes(before, await readCommitBuckets(engine.url)))
        }
        say(`${broker}, round ${round}: p50 ${latency.p50} ms, p99 ${latency.p99} ms, longest ${latency.max} ms`)
      }
      const p50 = median(measured.map((latency) => latency.p50))
      const p99 = median(measured.map((latency) => latency.p99))
      const commit = medianCommitTimes(commits)
      rows.push([broker, p50, p99, Math.max(...measured.map((latency) => latency.max)), commit.p50, commit.p99])
      targets.push({ text: `P5 p50 in ms, ${broker}`, value: p50 + commit.p50, goal: 8, wants: 'at most' })
      targets.push({ text: `P5 p99 in ms, ${broker}`, value: p99 + commit.p99, goal: 30, wants: 'at most' })
    } finally {
      await engine.stop()
    }
  }
  return {
    name: 'latency',
    measured:
      'POST at an even 1,000 messages a second to one tenant with 3 workers. From the rows: created_at (accepted) to processed_at (its INSERT began). From the engine’s metrics: that INSERT with its commit, rounded up to a bucket. Targets: the two together, for p99 more than the truth',
    versions: await services.versions(),
    tables: [
      {
        title: `${seconds} s, ${rounds} rounds`,
        columns: ['broker', 'wait p50 ms', 'wait p99 ms', 'wait max ms', 'INSERT p50 ms', 'INSERT p99 ms'],
        rows,
      },
    ],
    targets,
  }
}

async function readLatency({ query }: Services, table: string): Promise<Latency> {
  const [row] = await query<Latency>(`
    with waits as (select extract(epoch from processed_at - created_at)::float8 * 1000 as ms from ${table})
    select percentile_disc(0.5) within group (order by ms) as p50, percentile_disc(0.99) within group (order by ms) as p99, max(ms) as max
    from waits`)
  if (!row) throw new Error(`no rows in ${table}`)
  return row
}
