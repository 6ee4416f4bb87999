/** What nodes ask and answer each other about a tenant, as it travels: nothing is believed that has another shape. */
import type { LinkCondition, SessionFacts } from '../../../actors/index.ts'
import { readMessageId } from '../../core/ids.ts'
import type { Explanation, Remedy } from '../../core/ports/inspection.ts'
import type { CircuitReport } from '../../core/ports/tenant-store.ts'
import type { FactsQuestion, MessageOnNode, NodeFacts } from './explain-facts.ts'
import { isAmount, isCount, isTextOrNull, isTime, orNull, readDate, readTenant, toFields } from './json-fields.ts'

/** What the asker left out may arrive as null. undefined for what is no question. */
export function readQuestion(value: unknown): FactsQuestion | undefined {
  const { tenantId, messageId, ready } = toFields(value)
  const tenant = readTenant(tenantId)
  const message = typeof messageId === 'string' ? readMessageId(messageId) : undefined
  if (!tenant || (messageId !== undefined && messageId !== null && !message)) return undefined
  return { tenantId: tenant, messageId: message, ready: isCount(ready) ? ready : undefined }
}

/** `node` is who answered, whatever the answer says. undefined for what is no answer. */
export function readNodeFacts(value: unknown, node: string): NodeFacts | undefined {
  const { link, tenant, session, ratePerSecond, circuits, message } = toFields(value)
  const tenantPart = orNull(tenant, readTenantPart)
  const sessionPart = orNull(session, readSessionPart)
  const messagePart = orNull(message, readMessagePart)
  if (!isLink(link) || !isAmount(ratePerSecond) || !Array.isArray(circuits)) return undefined
  if (tenantPart === undefined || sessionPart === undefined || messagePart === undefined) return undefined
  return {
    node,
    link,
    tenant: tenantPart,
    session: sessionPart,
    ratePerSecond,
    circuits: circuits.flatMap(readCircuit),
    message: messagePart,
  }
}

/** Dates as ISO 8601, as JSON writes them. undefined for what is no explanation. */
export function readExplanation(value: unknown): Explanation | undefined {
  const { sentence, blockedBy, until, remedy, detail } = toFields(value)
  const end = orNull(until, readDate)
  const call = orNull(remedy, readRemedy)
  if (typeof sentence !== 'string' || !isTextOrNull(blockedBy) || !isTextOrNull(detail)) return undefined
  return end === undefined || call === undefined ? undefined : { sentence, blockedBy, until: end, remedy: call, detail }
}

function readRemedy(value: unknown): Remedy | undefined {
  const { method, path, body, description } = toFields(value)
  if (method !== 'POST' && method !== 'PUT' && method !== 'PATCH' && method !== 'DELETE') return undefined
  if (typeof path !== 'string' || typeof description !== 'string') return undefined
  return { method, path, ...(body === undefined ? {} : { body }), description }
}

function readTenantPart(value: unknown): NodeFacts['tenant'] | undefined {
  const { explanation, workers } = toFields(value)
  const read = readExplanation(explanation)
  return read && isCount(workers) ? { explanation: read, workers } : undefined
}

function readSessionPart(value: unknown): SessionFacts | undefined {
  const { inFlight, inMailbox, running } = toFields(value)
  if (!isCount(inFlight) || !isCount(inMailbox) || !Array.isArray(running)) return undefined
  const runs = running.flatMap((each) => {
    const { messageId, worker, sinceMs, untilMs } = toFields(each)
    const id = typeof messageId === 'string' ? readMessageId(messageId) : undefined
    return id && isCount(worker) && isTime(sinceMs) ? [{ messageId: id, worker, sinceMs, untilMs: readTime(untilMs) }] : []
  })
  return { inFlight, inMailbox, running: runs }
}

function readMessagePart(value: unknown): MessageOnNode | undefined {
  const { kind, worker, sinceMs, untilMs, attempt, ahead } = toFields(value)
  if (kind === 'settling') return { kind }
  if (kind === 'mailbox' && isCount(ahead)) return { kind, ahead }
  if (kind !== 'running' || !isCount(worker) || !isTime(sinceMs) || !isCount(attempt)) return undefined
  return { kind, worker, sinceMs, untilMs: readTime(untilMs), attempt }
}

const readTime = (value: unknown): number | null => (isTime(value) ? value : null)

function readCircuit(value: unknown): readonly CircuitReport[] {
  const { destination, state, untilMs, reason } = toFields(value)
  if (typeof destination !== 'string' || (state !== 'open' && state !== 'half_open')) return []
  return isTime(untilMs) && typeof reason === 'string' ? [{ destination, state, untilMs, reason }] : []
}

const isLink = (value: unknown): value is LinkCondition =>
  value === 'up' || value === 'blocked' || value === 'connecting' || value === 'away'
