/** Looks at a tenant on every node, in its queue and in the database, and says what could not be looked at. */
import { AppError } from '../../core/errors.ts'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { Broker, QueueDepth } from '../../core/ports/broker.ts'
import type { Peers } from '../../core/ports/peers.ts'
import type { Nodes, TenantStore } from '../../core/ports/tenant-store.ts'
import type { Tenant } from '../../core/tenant.ts'
import { within } from '../../core/within.ts'
import { type FactsQuestion, type LocalFacts, type NodeFacts, toReportedFacts } from './explain-facts.ts'
import { readNodeFacts } from './explain-facts-json.ts'

export interface SurveyServices {
  readonly facts: LocalFacts
  readonly tenants: Pick<TenantStore, 'find'>
  readonly broker: Pick<Broker, 'depth'>
  readonly nodes: Pick<Nodes, 'reportsOf' | 'otherWorkers'>
  readonly peers: Peers
  readonly runsTenants: boolean
  readonly answered: Answered
}

/** Where a tenant stands at a moment. */
export interface Surveyed {
  /** undefined when there is no such tenant; `unknown` when the database did not say. */
  readonly tenant: Tenant | 'unknown' | undefined
  /** undefined when there is no queue, or the broker is silent. */
  readonly depth: QueueDepth | undefined
  readonly isBrokerSilent: boolean
  readonly nodes: readonly NodeFacts[]
  /** Nodes that did not answer: what they have reported last stands for them. */
  readonly missing: readonly string[]
  readonly isServed: boolean
}

export const factsTopic = 'facts'

export interface Survey {
  /** With a message, what every node's memory says of it too. */
  of(tenantId: TenantId, messageId?: MessageId): Promise<Surveyed>
  /** The same, with another look at the memory of the nodes. */
  again(surveyed: Surveyed, tenantId: TenantId, messageId: MessageId): Promise<Surveyed>
}

/** Errors: AppErrors that do not pass; a database or broker that is away is a part of the picture. */
export function createSurvey({ facts, tenants, broker, nodes, peers, runsTenants, answered }: SurveyServices): Survey {
  const memory = async (question: FactsQuestion, reading: Promise<Surveyed['tenant']>): Promise<Pick<Surveyed, 'nodes' | 'missing'>> => {
    // Own memory first and at once: what moves meanwhile is found further on.
    const own = facts.of(question)
    const { answers, missing } = await peers.ask(factsTopic, question)
    const read = answers.map(({ node, answer }) => ({ node, facts: readNodeFacts(answer, node) }))
    const silent = [...missing, ...read.flatMap((each) => (each.facts ? [] : [each.node]))]
    // A database that has just not answered is asked no more.
    const isReported = silent.length > 0 && (await reading) !== 'unknown'
    const reported = isReported ? await answered(nodes.reportsOf([question.tenantId]), []) : []
    const known = [own, ...read.flatMap((each) => each.facts ?? [])]
    return { nodes: [...known, ...reported.filter(({ nodeId }) => silent.includes(nodeId)).map(toReportedFacts)], missing: silent }
  }

  const readDepth = async (tenantId: TenantId): Promise<QueueDepth | undefined> => {
    try {
      return await broker.depth(tenantId)
    } catch (error) {
      if (error instanceof AppError && error.code === 'queue.missing') return undefined
      throw error
    }
  }

  return {
    async of(tenantId, messageId) {
      const reading = answered(tenants.find(tenantId), 'unknown' as const)
      const counting = answered(readDepth(tenantId), 'silent' as const)
      // The nodes are told how many messages wait, unless that takes too long.
      const looking = within(counting, headStartMs, () => 'silent' as const).then((depth) =>
        memory({ tenantId, messageId, ready: depth === 'silent' ? undefined : depth?.ready }, reading),
      )
      const serving = runsTenants ? 1 : answered(nodes.otherWorkers(), 1)
      const [tenant, depth, found, others] = await Promise.all([reading, counting, looking, serving])
      const isBrokerSilent = depth === 'silent'
      return { tenant, depth: isBrokerSilent ? undefined : depth, isBrokerSilent, isServed: others > 0, ...found }
    },
    async again(surveyed, tenantId, messageId) {
      const found = await memory({ tenantId, messageId, ready: surveyed.depth?.ready }, Promise.resolve(surveyed.tenant))
      return { ...surveyed, ...found }
    },
  }
}

const headStartMs = 250

/** What was asked, or `otherwise` of one that is away, is refused for a reason that passes, or does not answer in time. */
export type Answered = <T, E>(work: Promise<T>, otherwise: E) => Promise<T | E>

/** Errors: those of the work that do not pass. */
export const createAnswered =
  (limitMs: number): Answered =>
  async (work, otherwise) => {
    try {
      return await within(work, limitMs, () => otherwise)
    } catch (error) {
      if (error instanceof AppError && error.retryable) return otherwise
      throw error
    }
  }
