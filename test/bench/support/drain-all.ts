/** Drains a backlog that lies in the queues of many tenants, all let go at once. */
import { setTimeout as delay } from 'node:timers/promises'
import type { EngineNode } from './engine.ts'
import { readRate, waitForRows } from './rows.ts'
import type { Services } from './services.ts'
import { tenantStates } from './tenants.ts'

export interface Drain {
  readonly engine: EngineNode
  readonly services: Services
  readonly tenantCount: number
  readonly messages: number
  /** Puts the messages in the queues. */
  readonly fill: () => Promise<void>
}

const settleLimitMs = 60_000

/** Messages per second. */
export async function drainAll({ engine, services, tenantCount, messages, fill }: Drain): Promise<number> {
  await services.query(`update tenants set status = 'paused', version = version + 1`)
  const endsAt = performance.now() + settleLimitMs
  while ((await tenantStates(engine)).get('paused') !== tenantCount) {
    if (performance.now() > endsAt) throw new Error(`not every tenant is paused after ${settleLimitMs} ms`)
    await delay(200)
  }
  await services.query('truncate messages')
  await fill()
  await services.query('checkpoint')
  await services.query(`update tenants set status = 'active', version = version + 1`)
  await waitForRows(services, 'messages', messages, 500)
  return readRate(services, 'messages')
}
