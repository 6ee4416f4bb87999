/** Hundreds of clients that send a byte now and then: everybody else is served as before, and they are sent away. */

import { environmentOf, startNodeProcess } from '../../../support/process.ts'
import { pollUntil } from '../../../support/services/wait.ts'
import { type Client, createClient } from '../../client.ts'
import { createLedger, type SuiteResult } from '../../finding.ts'
import type { SuiteOptions } from '../suite.ts'
import { createSlowClient, type SlowClient, type Slowness } from './slow-clients.ts'

const probes = 200
/** Times that a test can wait for. */
const environment = {
  TENANTRY_HTTP_HEADERS_TIMEOUT_MS: '3000',
  TENANTRY_HTTP_REQUEST_TIMEOUT_MS: '5000',
  TENANTRY_HTTP_RATE_LIMITS_MANAGEMENT_PER_SECOND: '0',
}
/** Whoever does not read is given twice 30 s without progress; the others less. Then the server's look at its connections, and a busy machine. */
const reapedWithinMs = 90_000
const kinds: readonly Slowness[] = ['headers', 'body', 'silence', 'reading']

export async function beSlow({ stage, profile, say }: SuiteOptions): Promise<SuiteResult> {
  const ledger = createLedger('slow')
  if (profile.slowSockets === 0) return ledger.result()
  await using node = await startNodeProcess({ ...environmentOf(stage.installation), ...environment }, stage.adminToken)
  using client = createClient(node.url, 4)
  const path = `/v1/tenants/${stage.own.id}`
  const headers = { authorization: `Bearer ${stage.adminToken}` }
  const before = await probe(client, path, headers)
  const slow = await Promise.all(
    Array.from({ length: profile.slowSockets }, (_, n) => createSlowClient(node.url, kinds[n % kinds.length] as Slowness)),
  )
  const startedMs = performance.now()
  try {
    const during = await probe(client, path, headers)
    if (during.failed > 0) ledger.found('slow clients', `${during.failed} of ${probes} other requests are not served`)
    const open = (): readonly SlowClient[] => slow.filter(({ isOpen }) => isOpen())
    await pollUntil(reapedWithinMs, 'slow clients are sent away', () => open().length === 0).catch(() => undefined)
    const left = Object.entries(Object.groupBy(open(), ({ slowness }) => slowness)).map(
      ([slowness, some]) => `${some?.length} by ${slowness}`,
    )
    if (left.length > 0) ledger.found('slow clients', `still connected after ${reapedWithinMs} ms: ${left}`)
    const reapedMs = Math.round(performance.now() - startedMs)
    ledger.note(
      `${slow.length} slow sockets: others’ p99 ${before.p99Ms} ms before, ${during.p99Ms} ms meanwhile; all but ${open().length} gone after ${reapedMs} ms`,
    )
  } finally {
    for (const each of slow) each[Symbol.dispose]()
  }
  say('slow: done')
  return ledger.result()
}

async function probe(client: Client, path: string, headers: Readonly<Record<string, string>>) {
  const times: number[] = []
  let failed = 0
  for (let n = 0; n < probes; n++) {
    const { status, tookMs } = await client.send({ method: 'GET', path, headers })
    times.push(tookMs)
    if (status !== 200) failed++
  }
  const p99Ms = Math.round(times.toSorted((one, other) => one - other)[Math.floor(probes * 0.99) - 1] ?? 0)
  return { failed, p99Ms }
}
