/** What `isolation: 'thread'` costs: the same handlers in the node's own thread and in threads of their own, without an engine. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { TenantId } from '../../../src/core/ids.ts'
import { createHandlers, type HandlerRegistry, loadHandlers } from '../../../src/handlers/index.ts'
import { createDelivery } from '../../actors/support/samples.ts'
import type { Benchmark } from '../support/report.ts'
import { median, medianRatio } from '../support/statistics.ts'

const file = join(import.meta.dirname, '../../support/handlers/computing.ts')
const kinds = ['nothing', 'computes for 1 ms', 'waits for 5 ms'] as const
const isolations = ['none', 'thread'] as const
/** One tenant alone would leave a thread to others. */
const tenants = ['018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0001', '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002'] as TenantId[]
/** As many as the workers of some tenants would run at once. */
const inFlight = 30

export const runIsolation: Benchmark = async ({ messages = 2_000, rounds = 5, say }) => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const services = {
    defaultTimeoutMs: 30_000,
    loggerFor: () => logger,
    publishFor: () => async () => 'id',
    secretFor: () => async () => 'secret',
  }
  const handlers = createHandlers(await loadHandlers([file]), services)
  const measured = kinds.map((kind) => ({ kind, none: [] as number[], thread: [] as number[] }))
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const entry of measured) {
        // Round 0 warms everything up; every other round goes the other way round.
        for (const isolation of round % 2 === 0 ? isolations : isolations.toReversed()) {
          const rate = await readRate(handlers, `${entry.kind}, ${isolation}`, messages)
          if (round > 0) entry[isolation].push(rate)
          say(`round ${round}: ${entry.kind}, ${isolation}: ${Math.round(rate)}/s`)
        }
      }
    }
  } finally {
    await handlers.close()
  }
  return {
    name: 'isolation',
    measured: `runs of a handler, ${inFlight} at once, ${availableParallelism()} threads; medians of rounds, ratios within a round`,
    versions: { node: process.version },
    tables: [
      {
        title: `${messages} runs, ${rounds} rounds`,
        columns: ['handler', 'own thread of the node, runs/s', 'threads, runs/s', 'threads are × as fast', 'lowest', 'highest'],
        rows: measured.map(({ kind, none, thread }) => {
          const ratios = thread.map((rate, round) => rate / (none[round] ?? Number.NaN))
          return [
            kind,
            median(none),
            median(thread),
            medianRatio(thread, none).toFixed(3),
            Math.min(...ratios).toFixed(3),
            Math.max(...ratios).toFixed(3),
          ]
        }),
      },
    ],
    targets: [],
  }
}

async function readRate(handlers: HandlerRegistry, type: string, messages: number): Promise<number> {
  const handler = handlers.find(type)
  const context = { config: {}, signal: new AbortController().signal }
  let left = messages
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const outcome = await handler.run(
        createDelivery({ type, tenantId: tenants[left % tenants.length] as TenantId, text: () => '{"name":"Ada"}' }),
        context,
      )
      if (outcome.kind !== 'ack') throw new Error(`${type}: ${outcome.reason}`)
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: inFlight }, work))
  return messages / ((performance.now() - startedAt) / 1000)
}
