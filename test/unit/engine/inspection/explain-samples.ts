/** Nodes, failed messages and pictures that the tests of explanations begin with. */
import { atRest, blocked } from '../../../../src/core/explanation.ts'
import type { FailedMessage } from '../../../../src/core/failure.ts'
import type { MessageId } from '../../../../src/core/ids.ts'
import type { Explanation } from '../../../../src/core/ports/inspection.ts'
import type { NodeFacts } from '../../../../src/engine/inspection/explain-facts.ts'
import type { TenantPicture } from '../../../../src/engine/inspection/explain-tenant.ts'
import type { MessagePicture } from '../../../../src/engine/inspection/message-finding.ts'
import { tenantId } from '../../../actors/support/samples.ts'

export const nowMs = 1_800_000_000_000
export const messageId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0009' as MessageId

export const runningWell: Explanation = atRest(`Tenant ${tenantId} runs with 2 workers.`)
export const backingOff = blocked('tenant.backing_off', `Tenant ${tenantId} waits before it tries again.`, {
  until: new Date(nowMs + 900),
  detail: 'boom: 4711',
})

/** A node that runs the tenant with two workers and nothing to do. */
export const createNode = (changes: Partial<NodeFacts> = {}): NodeFacts => ({
  node: 'a',
  link: 'up',
  tenant: { explanation: runningWell, workers: 2 },
  session: { inFlight: 0, inMailbox: 0, running: [] },
  ratePerSecond: 0,
  circuits: [],
  message: null,
  ...changes,
})

export const createTenantPicture = (changes: Partial<TenantPicture> = {}): TenantPicture => ({
  tenant: { id: tenantId, status: 'active', workers: 2 },
  nodes: [createNode()],
  isServed: true,
  isBrokerSilent: false,
  depth: { ready: 0, unacked: 0, dlq: 0 },
  retries: undefined,
  nextScheduledAt: null,
  nowMs,
  ...changes,
})

export const createMessagePicture = (changes: Partial<MessagePicture> = {}): MessagePicture => ({
  id: messageId,
  nodes: [createNode()],
  tenantBlock: undefined,
  depth: { ready: 0, unacked: 0, dlq: 0 },
  ...{ scheduled: undefined, failed: undefined, stored: undefined },
  place: { kind: 'missing' },
  nowMs,
  ...changes,
})

export const createFailed = (changes: Partial<FailedMessage> = {}): FailedMessage => ({
  ...{ tenantId, id: messageId, type: 'note', priority: 0, key: null, body: Buffer.from('{}') },
  ...{ status: 'pending', attempts: 3, retryCount: 2, nextRetryAt: new Date(nowMs + 5_000) },
  ...{ errorClass: 'TimeoutError', error: 'card 4711 was refused', fingerprint: 'f', reason: null, history: [] },
  ...{ createdAt: new Date(nowMs), failedAt: new Date(nowMs), updatedAt: new Date(nowMs - 2_000), closedAt: null },
  ...changes,
})
