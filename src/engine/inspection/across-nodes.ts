/** Inspects the actors of every node: this node's at once, the others' by asking them. */
import { readTenantId, type TenantId } from '../../core/ids.ts'
import type {
  ActorAnswer,
  ActorPage,
  ActorPosition,
  ActorQuery,
  FlightDump,
  Inspection,
  MachineDefinition,
} from '../../core/ports/inspection.ts'
import type { Peers } from '../../core/ports/peers.ts'
import {
  type ActorDetailOnNode,
  type ActorsOnNode,
  readActorDetail,
  readActorQuery,
  readActorsOnNode,
  readDumpOnNode,
} from './across-nodes-json.ts'
import type { Explain } from './explain.ts'
import { readExplanation } from './explain-facts-json.ts'
import type { Recorder } from './recorder.ts'
import type { LocalActors } from './tree.ts'
import type { Watches } from './watch.ts'

export interface InspectionParts {
  readonly local: LocalActors
  readonly recorder: Pick<Recorder, 'dump'>
  readonly explain: Pick<Explain, 'explainLocal' | 'explainTenant' | 'explainMessage'>
  readonly watches: Pick<Watches, 'watch'>
  readonly machines: () => readonly MachineDefinition[]
  readonly peers: Pick<Peers, 'nodeId' | 'ask' | 'answer'>
}

/** With `close` other nodes get no answers from this one any more; it tolerates twice. */
export function createInspection(parts: InspectionParts): Inspection & { close(): void } {
  const { local, recorder, explain, watches, machines, peers } = parts
  const here = peers.nodeId

  const listHere = async (query: ActorQuery): Promise<ActorsOnNode> => {
    const { actors, next } = await local.list(query)
    return { actors, hasMore: next !== undefined }
  }
  const findWithoutDefinition = (id: string): ActorDetailOnNode | undefined => {
    const found = local.find(id)
    if (found === undefined) return undefined
    const { definition: _, ...actor } = found
    return actor
  }
  const record = (id: string): FlightDump | undefined => {
    const ref = local.refOf(id)
    return ref && recorder.dump(ref, null)
  }

  const unregister = [
    peers.answer('actors', (question) => {
      const query = readActorQuery(question)
      if (query === undefined) throw new TypeError('this is no query of actors')
      return listHere(query)
    }),
    peers.answer('actor', (id) => findWithoutDefinition(requireId(id)) ?? null),
    peers.answer('explain', (id) => explain.explainLocal(requireId(id)) ?? null),
    peers.answer('record', (id) => record(requireId(id)) ?? null),
  ]

  /** What the nodes that are meant have, in the order of their ids; one that answers something else is missing. */
  async function askOthers<T>(
    topic: string,
    question: unknown,
    { node, read }: { readonly node: string | undefined; readonly read: (answer: unknown, node: string) => T | undefined },
  ): Promise<{ readonly found: readonly T[]; readonly missingNodes: readonly string[] }> {
    if (node === here) return { found: [], missingNodes: [] }
    const { answers, missing } = await peers.ask(topic, question, node === undefined ? {} : { node })
    const found: T[] = []
    const missingNodes = [...missing]
    for (const { node: from, answer } of answers) {
      const value = answer === null ? undefined : read(answer, from)
      if (value !== undefined) found.push(value)
      else if (answer !== null) missingNodes.push(from)
    }
    return { found, missingNodes }
  }

  /** This node's, without asking any other; or that of the first other node that has one. */
  async function findFirst<T>(
    topic: string,
    id: string,
    { node, own, read }: { node: string | undefined; own: () => T | undefined; read: (answer: unknown, node: string) => T | undefined },
  ): Promise<ActorAnswer<T>> {
    const mine = node === undefined || node === here ? own() : undefined
    if (mine !== undefined) return { found: mine, missingNodes: [] }
    const { found, missingNodes } = await askOthers(topic, id, { node, read })
    return { found: found[0], missingNodes }
  }

  return {
    async listActors({ node, ...query }) {
      const isOwnWanted = node === undefined || node === here
      const [own, { found, missingNodes }] = await Promise.all([
        isOwnWanted ? listHere(query) : undefined,
        askOthers('actors', query, { node, read: readActorsOnNode }),
      ])
      return { ...toPage(own ? [own, ...found] : found, query), missingNodes }
    },

    async findActor(id, node) {
      const own = node === undefined || node === here ? local.find(id) : undefined
      const read = (answer: unknown, from: string) => {
        const actor = readActorDetail(answer, from)
        return actor && isOf(id, actor.id, [actor, ...actor.children]) ? actor : undefined
      }
      const { found, missingNodes } = await askOthers('actor', id, { node, read })
      const [actor, ...elsewhere] = own === undefined ? found : [own, ...found]
      return { actor, elsewhere, missingNodes }
    },

    explainActor: (id, node) =>
      findFirst('explain', id, {
        node,
        own: () => explain.explainLocal(id),
        read: (answer, from) => {
          const explanation = readExplanation(answer)
          return explanation && { ...explanation, node: from }
        },
      }),

    recordActor: (id, node) =>
      findFirst('record', id, {
        node,
        own: () => record(id),
        read: (answer, from) => {
          const dump = readDumpOnNode(answer, from)
          return dump && isOf(id, dump.actorId, [dump]) ? dump : undefined
        },
      }),

    explainTenant: (tenantId) => explain.explainTenant(tenantId),
    explainMessage: (tenantId, messageId) => explain.explainMessage(tenantId, messageId),
    watch: (filter, options) => watches.watch(filter, options),
    machines,
    close() {
      for (const stop of unregister) stop()
    },
  }
}

function requireId(question: unknown): string {
  if (typeof question !== 'string') throw new TypeError('this is no id of an actor')
  return question
}

/** What was not asked for is left out, whoever has sent it: another tenant's actor, or one of an earlier page. */
function toPage(parts: readonly ActorsOnNode[], { tenantId, after, limit }: ActorQuery): Omit<ActorPage, 'missingNodes'> {
  const wanted = parts
    .flatMap(({ actors }) => actors)
    .filter((actor) => (tenantId === undefined || actor.tenantId === tenantId) && (!after || compare(actor, after) > 0))
    .sort(compare)
  const page = wanted.slice(0, limit)
  const last = page.at(-1)
  const hasMore = wanted.length > limit || parts.some((part) => part.hasMore)
  return {
    actors: page.map(({ path: _, ...actor }) => actor),
    next: hasMore && last !== undefined ? { path: last.path, node: last.node } : undefined,
  }
}

function compare(one: ActorPosition, other: ActorPosition): number {
  if (one.path !== other.path) return one.path < other.path ? -1 : 1
  return one.node === other.node ? 0 : one.node < other.node ? -1 : 1
}

/** True when the answer is about the wanted actor, and all in it about that actor's tenant: an id tells whose it is. */
function isOf(wanted: string, found: string, parts: readonly { readonly tenantId: TenantId | null }[]): boolean {
  if (found !== wanted) return false
  const [, text] = /^tenant:([^.]+)/.exec(wanted) ?? []
  const tenantId = text === undefined ? undefined : readTenantId(text)
  return tenantId === undefined || parts.every((part) => part.tenantId === tenantId)
}
