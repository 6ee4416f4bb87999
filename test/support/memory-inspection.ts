/** An Inspection over actors that a test writes down: what the HTTP layer needs to be tested alone. */
import type { TenantId } from '../../src/core/ids.ts'
import type {
  ActorDetail,
  ActorEntry,
  Explanation,
  FlightDump,
  Inspection,
  MachineDefinition,
  MessageExplanation,
  TenantExplanation,
  WatchItem,
} from '../../src/core/ports/inspection.ts'

export interface MemoryInspection extends Inspection {
  /** Parents before their children. */
  readonly actors: ActorDetail[]
  readonly dumps: FlightDump[]
  /** What a watcher is shown, before it ends. */
  readonly items: WatchItem[]
  /** Nodes that do not answer. */
  missingNodes: readonly string[]
  /** What explains everything. */
  explanation: Explanation
  messageExplanation: Pick<MessageExplanation, 'standing' | 'position' | 'expectedAt' | 'detail'>
  also: readonly Explanation[]
  /** Ids that were asked for, as the port heard them. */
  readonly asked: string[]
}

export const plainExplanation: Explanation = { sentence: 'All is well.', blockedBy: null, until: null, remedy: null, detail: null }

export function createMemoryInspection(): MemoryInspection {
  const find = (id: string, node: string | undefined) => {
    memory.asked.push(id)
    return memory.actors.filter((actor) => actor.id === id && (node === undefined || actor.node === node))
  }
  const memory: MemoryInspection = {
    actors: [],
    dumps: [],
    items: [],
    missingNodes: [],
    explanation: plainExplanation,
    messageExplanation: { standing: 'unknown', position: null, expectedAt: null, detail: null },
    also: [],
    asked: [],
    async listActors({ tenantId, kind, state, parent, node, after, limit }) {
      const matching = memory.actors.filter(
        (actor) =>
          (!tenantId || actor.tenantId === tenantId) &&
          (!kind || actor.kind === kind) &&
          (!state || actor.state === state) &&
          (!parent || actor.parent === parent) &&
          (!node || actor.node === node),
      )
      const start = after ? matching.findIndex(({ id, node: on }) => id === after.path && on === after.node) + 1 : 0
      const actors = matching.slice(start, start + limit)
      const last = start + limit < matching.length ? actors.at(-1) : undefined
      return { actors, next: last && { path: last.id, node: last.node }, missingNodes: memory.missingNodes }
    },
    async findActor(id, node) {
      const [actor, ...elsewhere] = find(id, node)
      return { actor, elsewhere, missingNodes: memory.missingNodes }
    },
    async explainActor(id, node) {
      const [actor] = find(id, node)
      return { found: actor && { ...memory.explanation, node: actor.node }, missingNodes: memory.missingNodes }
    },
    async explainTenant(tenantId): Promise<TenantExplanation | undefined> {
      const isThere = memory.actors.some((actor) => actor.tenantId === tenantId)
      return isThere ? { ...memory.explanation, also: memory.also, missingNodes: memory.missingNodes } : undefined
    },
    async explainMessage(tenantId) {
      const isThere = memory.actors.some((actor) => actor.tenantId === tenantId)
      return isThere ? { ...memory.explanation, ...memory.messageExplanation, missingNodes: memory.missingNodes } : undefined
    },
    recordActor: async (id) => ({ found: memory.dumps.find(({ actorId }) => actorId === id), missingNodes: memory.missingNodes }),
    async *watch() {
      yield* memory.items
    },
    machines: () => [tenantMachine],
  }
  return memory
}

const now = new Date(1_700_000_000_000)

export function createActor(id: string, fields: Partial<ActorDetail> = {}): ActorDetail {
  const tenantId = (/^tenant:([0-9a-f-]{36})/.exec(id)?.[1] ?? null) as TenantId | null
  const entry: ActorEntry = { id, kind: 'task', state: 'active', parent: null, since: now, node: 'n1', tenantId }
  const view = { value: null, context: null, allowedEvents: [], transitions: [], children: [], definition: null }
  return { ...entry, ...view, ...fields }
}

/** A running tenant with its consumer and a worker, on one node. */
export function createTenantActors(tenantId: TenantId, node = 'n1', reason: string | null = null): readonly ActorDetail[] {
  const id = `tenant:${tenantId}`
  const config = { greeting: 'hello' }
  const children = [
    createActor(`${id}.consumer`, { kind: 'consumer', parent: id, node }),
    createActor(`${id}.worker:1`, { kind: 'worker', state: 'idle', parent: id, node, value: 'idle', context: { index: 1 } }),
  ]
  return [
    createActor(id, {
      ...{ kind: 'tenant', state: 'running', parent: 'supervisor:7', node, children },
      value: { attached: { serving: { activity: 'running', sizing: 'steady' } } },
      context: { tenantId, desired: { id: tenantId, status: 'active', config }, reason },
      allowedEvents: ['tenant.desire', 'tenant.end'],
      transitions: [{ at: now, event: 'consumer.opened', from: 'attaching', to: 'running' }],
      definition: tenantMachine,
    }),
    ...children,
  ]
}

/** A dump of a tenant that was quarantined for the reason. */
export function createDump(actorId: string, tenantId: TenantId | null, reason: string | null): FlightDump {
  const snapshot = (value: string) => ({
    ...{ value, status: 'active', children: [{ id: 'consumer', src: 'consumer' }] },
    context: { desired: { status: 'active', config: { greeting: 'hello' } }, reason },
  })
  const at = now.toISOString()
  return {
    ...{ format: 'tenantry.flight-record', version: 1, node: 'n1', actorId, machine: 'tenant', tenantId, reason, recordedAt: at },
    base: snapshot('attached'),
    entries: [{ at, event: { type: 'loop.crashed', reason }, state: 'quarantined' }],
    last: snapshot('quarantined'),
    crash: reason === null ? null : { event: { type: 'loop.crashed', reason }, error: reason },
  }
}

const leaf = (key: string) => ({ path: key, key, type: 'atomic' as const, description: `It is ${key}.`, transitions: [], states: [] })

const tenantMachine: MachineDefinition = {
  ...{ name: 'tenant', path: '', key: 'tenant', type: 'compound', description: 'One tenant’s life.', initial: 'provisioning' },
  transitions: [{ on: 'tenant.end', actions: ['endSoon'] }],
  states: [
    { ...leaf('provisioning'), invoke: ['provision'], transitions: [{ on: 'done provision', target: 'attached' }] },
    leaf('attached'),
  ],
}
