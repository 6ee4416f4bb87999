/** Answers why: why an actor is in its state, why a tenant's messages do not move, what has become of one message. */
import type { AnyActorRef } from 'xstate'
import { type Circuits, type ExplainedActor, explainActor, type Sessions } from '../../../actors/index.ts'
import { AppError } from '../../core/errors.ts'
import { blocked } from '../../core/explanation.ts'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { Broker } from '../../core/ports/broker.ts'
import type { FailureStore } from '../../core/ports/failure-store.ts'
import type { Explanation, MessageExplanation, TenantExplanation } from '../../core/ports/inspection.ts'
import type { MessageStore } from '../../core/ports/message-store.ts'
import type { Peers } from '../../core/ports/peers.ts'
import type { ScheduleStore } from '../../core/ports/schedule-store.ts'
import type { Nodes, TenantStore } from '../../core/ports/tenant-store.ts'
import { idOf, kindOf, parentOf, tenantIdOf } from './actor-ids.ts'
import { createLocalFacts } from './explain-facts.ts'
import { readQuestion } from './explain-facts-json.ts'
import { explainMessage } from './explain-message.ts'
import { createAnswered, createSurvey, factsTopic, type Surveyed } from './explain-survey.ts'
import { findTenantBlock, listTenantCauses, type TenantPicture } from './explain-tenant.ts'
import { type Finding, type MessagePicture, toFinding } from './message-finding.ts'

export interface ExplainServices {
  readonly local: { refOf(id: string): AnyActorRef | undefined }
  readonly recorder: { enteredMs(ref: AnyActorRef): number | undefined }
  readonly sessions: Pick<Sessions, 'find' | 'meterOf'>
  readonly circuits: Pick<Circuits, 'of'>
  readonly tenants: Pick<TenantStore, 'find'>
  readonly messages: Pick<MessageStore, 'find'>
  readonly failures: Pick<FailureStore, 'find' | 'pending'>
  readonly schedules: Pick<ScheduleStore, 'find' | 'list'>
  readonly broker: Pick<Broker, 'depth' | 'find'>
  readonly nodes: Pick<Nodes, 'reportsOf' | 'otherWorkers'>
  readonly peers: Peers
  readonly runsTenants: boolean
  readonly drainEndsAtMs: () => number | undefined
  /** How long a store or the broker may take for an answer, before what it would say is left out. */
  readonly answerMs?: number
  readonly nowMs?: () => number
}

/** Every answer is the picture of a moment: what moves while it is looked at is looked for once more. */
export interface Explain {
  /** An actor of this node; undefined when it has none of this id. */
  explainLocal(id: string): (Explanation & { readonly node: string }) | undefined
  /** undefined when there is no such tenant. Errors: `database.unavailable` when this node knows nothing of it either. */
  explainTenant(tenantId: TenantId): Promise<TenantExplanation | undefined>
  /** undefined when there is no such tenant. Errors: `database.unavailable` unless the message is in some node's memory. */
  explainMessage(tenantId: TenantId, messageId: MessageId): Promise<MessageExplanation | undefined>
  /** Answers other nodes no more. */
  close(): void
}

export function createExplain(services: ExplainServices): Explain {
  const { local, peers, failures, schedules, messages, broker, answerMs = 2_000, nowMs = Date.now } = services
  const facts = createLocalFacts({ ...services, node: peers.nodeId, nowMs })
  const answered = createAnswered(answerMs)
  const survey = createSurvey({ ...services, facts, answered })
  const stopAnswering = peers.answer(factsTopic, (question) => {
    const read = readQuestion(question)
    return read ? facts.of(read) : null
  })

  const toExplained = (ref: AnyActorRef): ExplainedActor => {
    const parent = parentOf(ref)
    return { kind: kindOf(ref), id: idOf(ref), snapshot: ref.getSnapshot(), parent: parent && toExplained(parent) }
  }

  const picture = ({ tenant, ...surveyed }: Surveyed, tenantId: TenantId, waiting: Pick<TenantPicture, 'retries' | 'nextScheduledAt'>) => ({
    ...surveyed,
    ...waiting,
    tenant: tenant === 'unknown' || tenant === undefined ? { id: tenantId, status: 'active' as const, workers: 0 } : tenant,
    nowMs: nowMs(),
  })

  /** `earlier` is where an earlier look has found it in its queue: to look there is dear, and is done once. */
  const look = async (seen: Surveyed, tenantId: TenantId, id: MessageId, earlier?: MessagePicture['place']): Promise<Look> => {
    const none = { retries: undefined, nextScheduledAt: null }
    const tenantBlock = findTenantBlock(picture(seen, tenantId, none))
    const nothing = { scheduled: undefined, failed: undefined, stored: undefined, place: undefined }
    const begun: MessagePicture = { id, nodes: seen.nodes, tenantBlock, depth: seen.depth, ...nothing, nowMs: nowMs() }
    const held = explainMessage(begun)
    const reading = async () => {
      const [scheduled, stored] = await Promise.all([schedules.find(tenantId, id), messages.find(tenantId, id)])
      // Written with the outcome: read after it, it is not missed.
      return [scheduled, await failures.find(tenantId, id), stored] as const
    }
    const rows = seen.tenant === 'unknown' ? undefined : await answered(reading(), undefined)
    if (!rows && !held) throw unavailable()
    const [scheduled, failed, stored] = rows ?? []
    const isElsewhere = held !== undefined || scheduled !== undefined || (failed ? failed.status !== 'retried' : stored !== undefined)
    const inQueue = async () => earlier ?? (seen.isBrokerSilent ? 'silent' : answered(broker.find(tenantId, id), 'silent' as const))
    const place = isElsewhere ? undefined : await inQueue()
    return { found: explainMessage({ ...begun, scheduled, failed, stored, place }), place }
  }

  return {
    explainLocal(id) {
      const ref = local.refOf(id)
      return ref && { ...explainActor(toExplained(ref), facts.beside(ref, tenantIdOf(ref))), node: peers.nodeId }
    },

    async explainTenant(tenantId) {
      const surveyed = await survey.of(tenantId)
      if (surveyed.tenant === undefined) return undefined
      const isKnown = surveyed.nodes.some(({ tenant }) => tenant !== null)
      if (surveyed.tenant === 'unknown' && !isKnown) throw unavailable()
      const waiting = () =>
        Promise.all([answered(failures.pending(tenantId), undefined), answered(schedules.list({ tenantId, limit: 1 }), undefined)])
      const [retries, scheduled] = surveyed.tenant === 'unknown' ? [] : await waiting()
      const nextScheduledAt = scheduled?.messages[0]?.scheduledAt ?? null
      const causes = listTenantCauses(picture(surveyed, tenantId, { retries, nextScheduledAt }))
      const [main, ...also] = surveyed.tenant === 'unknown' && !isAboutDatabase(causes[0]) ? [databaseAway(tenantId), ...causes] : causes
      return { ...main, also, missingNodes: surveyed.missing }
    },

    async explainMessage(tenantId, messageId) {
      const first = await survey.of(tenantId, messageId)
      if (first.tenant === undefined) return undefined
      const { found, place } = await look(first, tenantId, messageId)
      if (found && found.standing !== 'unknown') return { ...found, missingNodes: first.missing }
      // It may have passed from one place to the next between two looks: the second finds it there.
      const second = await survey.again(first, tenantId, messageId)
      const again = await look(second, tenantId, messageId, place)
      return { ...(again.found ?? unknown(messageId, second)), missingNodes: second.missing }
    },

    close: stopAnswering,
  }
}

interface Look {
  readonly found: Finding | undefined
  readonly place: MessagePicture['place']
}

function unknown(id: MessageId, { missing }: Surveyed): Finding {
  if (missing.length === 0) return toFinding('unknown', `Nobody knows message ${id}: it was never accepted, or it was removed.`)
  return toFinding('unknown', `Nobody who answers knows message ${id}; it may be with ${missing.join(', ')}, which did not answer.`)
}

const databaseAway = (tenantId: TenantId): Explanation =>
  blocked('database.unavailable', `The database does not answer; what follows about tenant ${tenantId} is from memory.`)

const isAboutDatabase = ({ blockedBy }: Explanation): boolean => blockedBy === 'database.unavailable'

const unavailable = (): AppError => new AppError('database.unavailable', 'the database does not answer', { retryable: true })
