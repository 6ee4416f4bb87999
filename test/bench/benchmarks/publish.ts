/** What the API costs on top of the bare route that does the same: accept a message, publish it, wait for the confirm. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { tenantQueueName } from '../../../src/core/ids.ts'
import { openBacklog } from '../support/backlog.ts'
import { startEngine } from '../support/engine.ts'
import { messageData, messageType } from '../support/message.ts'
import { createProfileDir, readSelfTimes } from '../support/profile.ts'
import type { Benchmark, Cell } from '../support/report.ts'
import { startServices } from '../support/services.ts'
import { median, medianRatio } from '../support/statistics.ts'

interface Shot {
  readonly name: string
  readonly url: string
  readonly connections: number
  readonly body: unknown
  readonly messagesPerRequest: number
  readonly rates: number[]
  readonly p50: number[]
  readonly p99: number[]
}

const seconds = 4
const warmUpSeconds = 2
const restMs = 500
const bareProgram = fileURLToPath(new URL('../contenders/bare-route.ts', import.meta.url))
const message = { type: messageType, data: messageData }

export const runPublish: Benchmark = async ({ rounds = 4, profile, say }) => {
  await using services = await startServices()
  const profileDir = profile ? createProfileDir() : undefined
  const engine = await startEngine({ env: { DATABASE_URL: services.databaseUrl, RABBITMQ_URL: services.rabbitmqUrl }, profileDir })
  const backlog = await openBacklog(services.rabbitmqUrl)
  const tenantId = await engine.createTenant('bench')
  // Nobody consumes: both routes do the same and nothing else.
  await engine.call('POST', `/tenants/${tenantId}/pause`)
  const queue = tenantQueueName(tenantId)
  const bare = fork(bareProgram, [services.rabbitmqUrl, queue])
  const [barePort] = (await once(bare, 'message')) as [number]
  const messagesUrl = `${engine.url}/v1/tenants/${tenantId}/messages`
  const bareUrl = `http://127.0.0.1:${barePort}/messages`

  const shot = (name: string, url: string, connections: number, messagesPerRequest = 0): Shot => ({
    name,
    url: messagesPerRequest > 0 ? `${url}/batch` : url,
    connections,
    body: messagesPerRequest > 0 ? { messages: Array.from({ length: messagesPerRequest }, () => message) } : message,
    messagesPerRequest: messagesPerRequest || 1,
    rates: [],
    p50: [],
    p99: [],
  })
  const shots = {
    bare10: shot('bare Express route, c=10', bareUrl, 10),
    own10: shot('Tenantry, c=10', messagesUrl, 10),
    bare64: shot('bare Express route, c=64', bareUrl, 64),
    own64: shot('Tenantry, c=64', messagesUrl, 64),
    batch1000: shot('Tenantry, batches of 1000, c=1', messagesUrl, 1, 1000),
    batch100: shot('Tenantry, batches of 100, c=4', messagesUrl, 4, 100),
  }
  try {
    for (let round = 0; round <= rounds; round++) {
      const order = Object.values(shots)
      for (const one of round % 2 === 0 ? order : order.toReversed()) {
        // The requests that the last load gave up on are still being answered.
        await delay(restMs)
        await backlog.purge(queue)
        const { rate, p50, p99 } = await fire(one, engine.token, round === 0 ? warmUpSeconds : seconds)
        say(`round ${round}: ${one.name}: ${Math.round(rate)}/s, p99 ${p99} ms`)
        if (round === 0) continue
        one.rates.push(rate)
        one.p50.push(p50)
        one.p99.push(p99)
      }
    }
  } finally {
    bare.disconnect()
    await backlog.close()
    await engine.stop()
  }

  return {
    name: 'publish',
    measured:
      'POST of a 250-byte message, answered when a durable quorum queue has confirmed it; Tenantry with JWT, validation and limits, the bare route with express.json() only; the same queue, which nobody consumes; load from a third process',
    versions: await services.versions(),
    tables: [
      {
        title: `${seconds} s each, ${rounds} rounds`,
        columns: ['route', 'messages/s', 'lowest', 'highest', 'p50 ms', 'p99 ms'],
        rows: Object.values(shots).map(({ name, rates, p50, p99 }): Cell[] => [
          name,
          median(rates),
          Math.min(...rates),
          Math.max(...rates),
          median(p50),
          median(p99),
        ]),
      },
      ...(profileDir === undefined ? [] : [readSelfTimes(profileDir)]),
    ],
    targets: [
      { text: 'P4 ÷ bare route, c=10', value: medianRatio(shots.own10.rates, shots.bare10.rates), goal: 0.8, wants: 'at least' },
      { text: 'P4 ÷ bare route, c=64', value: medianRatio(shots.own64.rates, shots.bare64.rates), goal: 0.8, wants: 'at least' },
      { text: 'P4 p99 in ms, c=64', value: median(shots.own64.p99), goal: 15, wants: 'at most' },
      {
        text: 'P4 batch messages/s',
        value: Math.max(median(shots.batch1000.rates), median(shots.batch100.rates)),
        goal: 20_000,
        wants: 'at least',
      },
    ],
  }
}

/** Errors: when an answer is not 2xx. */
async function fire(shot: Shot, token: string, duration: number): Promise<{ rate: number; p50: number; p99: number }> {
  const result = await autocannon({
    url: shot.url,
    method: 'POST',
    connections: shot.connections,
    duration,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(shot.body),
  })
  if (result.non2xx + result.errors > 0) throw new Error(`${shot.name}: ${result.non2xx} refused, ${result.errors} failed`)
  return { rate: (result['2xx'] * shot.messagesPerRequest) / result.duration, p50: result.latency.p50, p99: result.latency.p99 }
}
