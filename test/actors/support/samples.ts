/** Tenants, deliveries and policies that tests begin with. */
import { v7 as uuidv7 } from 'uuid'
import type { RestartPolicy } from '../../../actors/index.ts'
import { type Circuits, type CircuitsOptions, createCircuits } from '../../../actors/worker/circuits.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import type { Logger } from '../../../src/core/ports/logger.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'

export const tenantId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0001' as TenantId

/** Circuits that open after three failures in a row, for `openMs`, then twice, then four times as long; a probe has half of it. */
export const createCircuitsOf = (onChange: CircuitsOptions['onChange'] = () => {}, openMs = 1_000): Circuits =>
  createCircuits({ policy: { failures: 3, openMs, capMs: 4 * openMs }, probeLimitMs: openMs / 2, onChange })

/** Delays without surprises: factor 1, so jitter alone moves them within 50 to 100 ms. */
export const policy: RestartPolicy = {
  backoff: { baseMs: 100, factor: 2, capMs: 1_600 },
  maxRestarts: 2,
  windowMs: 60_000,
  probationMs: 300_000,
}

export const createDesired = (changes: Partial<DesiredTenant> = {}): DesiredTenant => ({
  id: tenantId,
  status: 'active',
  workers: 2,
  restartGeneration: 0,
  deletion: null,
  config: {},
  version: 1,
  ...changes,
})

/** A deletion as the desired state shows it. */
export const deleting = (mode: 'drain' | 'discard', afterMs = 0): Pick<DesiredTenant, 'status' | 'deletion'> => ({
  status: 'deleting',
  deletion: { mode, deadlineAtMs: Date.now() + afterMs },
})

let tag = 0
export const createDelivery = (changes: Partial<Delivery> = {}, createdAtMs = changes.createdAtMs ?? Date.now()): Delivery => ({
  tenantId,
  id: uuidv7({ msecs: createdAtMs }) as MessageId,
  type: 'note',
  priority: 0,
  key: null,
  createdAtMs,
  readyAtMs: createdAtMs,
  attempt: 1,
  firstAttempt: 1,
  redelivered: false,
  tag: ++tag,
  text: () => '{}',
  ...changes,
})

/** A logger that keeps its lines. */
export function createLines(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const write = (message: string): void => void lines.push(message)
  const logger = { lines, debug: write, info: write, warn: write, error: write, child: () => logger }
  return logger
}
