/** Whether live traffic keeps its latency while thousands of failed messages are tried again at once. */

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { partitionName } from '../../../src/database/partitions.ts'
import { startEngine } from '../support/engine.ts'
import { pace } from '../support/pace.ts'
import type { Benchmark, Cell, Target } from '../support/report.ts'
import { type Services, startServices } from '../support/services.ts'

const perSecond = 100
const seconds = 10

export const runRetries: Benchmark = async ({ messages = 20_000, say }) => {
  await using services = await startServices()
  const rows: Cell[][] = []
  const targets: Target[] = []
  for (const broker of ['RabbitMQ', 'PostgreSQL'] as const) {
    const handlers = join(import.meta.dirname, '../support/handlers.ts')
    const env = {
      DATABASE_URL: services.databaseUrl,
      TENANTRY_HANDLERS: handlers,
      ...(broker === 'RabbitMQ' ? { RABBITMQ_URL: services.rabbitmqUrl } : {}),
    }
    const engine = await startEngine({ env })
    try {
      const tenantId = await engine.createTenant(`bench ${broker}`)
      const path = `/tenants/${tenantId}`
      const table = partitionName(tenantId)
      const payLive = () =>
        pace({
          url: `${engine.url}/v1${path}/messages`,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${engine.token}` },
          body: JSON.stringify({ type: 'bench.live', data: {} }),
          perSecond,
          seconds,
        })
      const inStatus = async (status: string) => {
        const stats = await engine.call<{ by_status: Record<string, number> }>('GET', `${path}/failed-messages/stats`)
        return stats.by_status[status] ?? 0
      }

      await payLive()
      await services.query(`delete from ${table}`)
      await payLive()
      const alone = await readLatency(services, table)

      const batch = { messages: Array.from({ length: 1000 }, () => ({ type: 'bench.failing', data: {} })) }
      for (let sent = 0; sent < messages; sent += 1000) await engine.call('POST', `${path}/messages/batch`, batch)
      while ((await inStatus('permanently_failed')) < messages) await delay(500)
      await engine.call('PUT', `${path}/config`, { mended: true })
      await services.query(`delete from ${table} where type = 'bench.live'`)
      await engine.call('POST', `${path}/failed-messages/retry`, { all: true })
      const before = await inStatus('resolved')
      await payLive()
      const during = await readLatency(services, table)
      const retried = ((await inStatus('resolved')) - before) / seconds
      say(`${broker}: p99 ${alone.p99.toFixed(1)} ms alone, ${during.p99.toFixed(1)} ms with ${Math.round(retried)} retries a second`)
      rows.push([broker, alone.p50, alone.p99, during.p50, during.p99, Math.round(retried), during.p99 / alone.p99])
      targets.push({
        text: `p99 of live messages while ${messages} are retried, over p99 alone, ${broker}`,
        value: during.p99 / alone.p99,
        goal: 2,
        wants: 'at most',
      })
    } finally {
      await engine.stop()
    }
  }
  return {
    name: 'retries',
    measured: `one tenant with 3 workers whose handlers take 5 ms; ${perSecond} live messages a second for ${seconds} s, alone and while ${messages} messages that had failed for good are retried together. created_at to processed_at of the live messages`,
    versions: await services.versions(),
    tables: [
      {
        title: 'live messages',
        columns: ['broker', 'alone p50 ms', 'alone p99 ms', 'with retries p50 ms', 'with retries p99 ms', 'retries a second', 'p99 ratio'],
        rows,
      },
    ],
    targets,
  }
}

async function readLatency({ query }: Services, table: string): Promise<{ p50: number; p99: number }> {
  const [row] = await query<{ p50: number; p99: number }>(`
    with waits as (
      select extract(epoch from processed_at - created_at)::float8 * 1000 as ms from ${table} where type = 'bench.live'
    )
    select percentile_disc(0.5) within group (order by ms) as p50, percentile_disc(0.99) within group (order by ms) as p99 from waits`)
  if (!row) throw new Error(`no rows in ${table}`)
  return row
}
