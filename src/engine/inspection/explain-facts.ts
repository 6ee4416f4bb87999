/** What one node knows about a tenant from memory, and about one of its messages: the parts that explanations of all nodes are made of. */
import type { AnyActorRef } from 'xstate'
import {
  type Circuits,
  countWorkers,
  type ExplainFacts,
  explainActor,
  explainMissingTenant,
  isStalled,
  type LinkCondition,
  type SessionFacts,
  type Sessions,
  type SupervisorSnapshot,
  supervisorIdOf,
  toLinkCondition,
} from '../../../actors/index.ts'
import { atRest, blocked } from '../../core/explanation.ts'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { Explanation } from '../../core/ports/inspection.ts'
import type { CircuitReport, TenantReport } from '../../core/ports/tenant-store.ts'

/** Where a message is in a node's memory: with a worker, before them, or behind them, until its outcome is recorded. */
export type MessageOnNode =
  | {
      readonly kind: 'running'
      readonly worker: number
      readonly sinceMs: number
      readonly untilMs: number | null
      readonly attempt: number
    }
  | { readonly kind: 'mailbox'; readonly ahead: number }
  | { readonly kind: 'settling' }

/** JSON but for the date in the explanation. */
export interface NodeFacts {
  readonly node: string
  readonly link: LinkCondition
  /** What the tenant's actor there says, with its running workers; null when there is no such actor. */
  readonly tenant: { readonly explanation: Explanation; readonly workers: number } | null
  readonly session: SessionFacts | null
  readonly ratePerSecond: number
  readonly circuits: readonly CircuitReport[]
  /** Of the message that was asked about; null when the node does not hold it, or none was. */
  readonly message: MessageOnNode | null
}

export interface FactsQuestion {
  readonly tenantId: TenantId
  readonly messageId?: MessageId | undefined
  /** Messages in the tenant's queue, as the asker has just read. */
  readonly ready?: number | undefined
}

export interface FactsServices {
  readonly node: string
  readonly local: { refOf(id: string): AnyActorRef | undefined }
  readonly recorder: { enteredMs(ref: AnyActorRef): number | undefined }
  readonly sessions: Pick<Sessions, 'find' | 'meterOf'>
  readonly circuits: Pick<Circuits, 'of'>
  /** undefined while this node does not drain. */
  readonly drainEndsAtMs: () => number | undefined
  readonly nowMs: () => number
}

export interface LocalFacts {
  /** Errors: none; total. */
  of(question: FactsQuestion): NodeFacts
  /** What an explanation of any actor of this node needs beside its snapshot. */
  beside(ref: AnyActorRef | undefined, tenantId: TenantId | null, ready?: number): ExplainFacts
}

export function createLocalFacts({ node, local, recorder, sessions, circuits, drainEndsAtMs, nowMs }: FactsServices): LocalFacts {
  const matching = (id: string): Matching | undefined => {
    const snapshot: unknown = local.refOf(id)?.getSnapshot()
    return isMatching(snapshot) ? snapshot : undefined
  }
  const readLink = (): LinkCondition => {
    const snapshot = matching('brokerLink')
    return snapshot ? toLinkCondition(snapshot) : 'connecting'
  }
  const beside = (ref: AnyActorRef | undefined, tenantId: TenantId | null, ready?: number): ExplainFacts => {
    const ledger = matching('ledger')
    return {
      nowMs: nowMs(),
      sinceMs: ref && recorder.enteredMs(ref),
      link: readLink(),
      drainEndsAtMs: drainEndsAtMs(),
      isDatabaseAway: ledger !== undefined && isStalled(ledger),
      session: tenantId === null ? undefined : (readSession(sessions, tenantId) ?? undefined),
      ready,
    }
  }

  const explainTenant = (tenantId: TenantId, ready: number | undefined): NodeFacts['tenant'] => {
    const id = `tenant:${tenantId}`
    const ref = local.refOf(id)
    if (!ref) {
      const snapshot: unknown = local.refOf(supervisorIdOf(tenantId))?.getSnapshot()
      const missing = isSupervisorSnapshot(snapshot) ? explainMissingTenant(snapshot, tenantId) : undefined
      return missing ? { explanation: missing, workers: 0 } : null
    }
    const snapshot: unknown = ref.getSnapshot()
    return { explanation: explainActor({ kind: 'tenant', id, snapshot }, beside(ref, tenantId, ready)), workers: readWorkers(snapshot) }
  }

  return {
    beside,
    of: ({ tenantId, messageId, ready }) => ({
      node,
      link: readLink(),
      tenant: explainTenant(tenantId, ready),
      session: readSession(sessions, tenantId),
      ratePerSecond: sessions.meterOf(tenantId)?.workingRatePerSecond(nowMs()) ?? 0,
      circuits: circuits
        .of(tenantId)
        .map(({ destination, circuit: { state, untilMs, reason } }) => ({ destination, state, untilMs, reason })),
      message: messageId === undefined ? null : findMessage(sessions, tenantId, messageId),
    }),
  }
}

/** What a node that does not answer has said last, through the database. */
export const toReportedFacts = (report: TenantReport & { readonly nodeId: string }): NodeFacts => ({
  node: report.nodeId,
  link: 'up',
  tenant: { explanation: explainReport(report), workers: report.currentWorkers },
  session: { inFlight: report.inFlight, inMailbox: Math.max(0, report.inFlight - report.busyWorkers), running: [] },
  ratePerSecond: 0,
  circuits: report.circuits,
  message: null,
})

function explainReport({ tenantId, state, nodeId }: TenantReport & { readonly nodeId: string }): Explanation {
  const sentence = `Tenant ${tenantId} was ${state.replaceAll('_', ' ')} on node ${nodeId} when that last reported; now the node does not answer.`
  return state === 'running' ? atRest(sentence) : blocked(`tenant.${state}`, sentence)
}

function readSession(sessions: Pick<Sessions, 'find'>, tenantId: TenantId): SessionFacts | null {
  const session = sessions.find(tenantId)
  if (!session || session.ended) return null
  const running = [...session.running].map(([delivery, { worker, sinceMs }]) => {
    return { messageId: delivery.id, worker, sinceMs, untilMs: session.deadlineOf(delivery) ?? null }
  })
  return { inFlight: session.inFlight, inMailbox: session.mailbox.size, running }
}

function findMessage(sessions: Pick<Sessions, 'find'>, tenantId: TenantId, messageId: MessageId): MessageOnNode | null {
  const session = sessions.find(tenantId)
  if (!session || session.ended) return null
  for (const [delivery, { worker, sinceMs }] of session.running) {
    const { id, attempt } = delivery
    if (id === messageId) return { kind: 'running', worker, sinceMs, untilMs: session.deadlineOf(delivery) ?? null, attempt }
  }
  const ahead = session.mailbox.ahead(messageId)
  if (ahead !== undefined) return { kind: 'mailbox', ahead }
  return session.holds(messageId) ? { kind: 'settling' } : null
}

/** 0 of a tenant that has ended without a snapshot. */
function readWorkers(snapshot: unknown): number {
  const { context } = Object(snapshot) as { context?: Parameters<typeof countWorkers>[0] }
  return context ? countWorkers(context) : 0
}

/** A machine's snapshot. */
interface Matching {
  matches(value: string | object): boolean
}

const isMatching = (snapshot: unknown): snapshot is Matching => typeof snapshot === 'object' && snapshot !== null && 'matches' in snapshot

function isSupervisorSnapshot(snapshot: unknown): snapshot is SupervisorSnapshot {
  return typeof snapshot === 'object' && snapshot !== null && 'children' in snapshot && 'context' in snapshot
}
