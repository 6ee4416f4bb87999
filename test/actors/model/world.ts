/** An installation in memory: a broker and a database that outlive every node, and two nodes that may be killed. */
import { type AnyActorRef, createActor } from 'xstate'
import { type ActorPorts, createTenantManagerLogic, type TenantStatusReport, toTenantStatus } from '../../../actors/index.ts'
import { isFreshId, type TenantId } from '../../../src/core/ids.ts'
import type { Delivery } from '../../../src/core/message.ts'
import type { TenantReport } from '../../../src/core/ports/tenant-store.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import { createLink, type Link } from './link.ts'
import { createMemoryBroker, type MemoryBroker } from './memory-broker.ts'
import { createMemoryDatabase, type MemoryDatabase } from './memory-database.ts'
import { createMemoryFailureStore } from './memory-failure-store.ts'
import { createMemoryHandlers } from './memory-handlers.ts'
import { createMemoryMessageStore, createMemoryScheduleStore, createMemoryTenantStore } from './memory-stores.ts'
import { installVirtualTime, type VirtualTime } from './virtual-time.ts'

const backoff = { baseMs: 50, factor: 2, capMs: 400 }

const policy: ActorPorts['policy'] = {
  prefetch: 4,
  ledger: { batchSize: 3, lingerMs: 5, maxInFlight: 2 },
  restart: { backoff, maxRestarts: 3, windowMs: 10_000, probationMs: 5_000 },
  retry: {
    policy: { strategy: 'fixed', delaysMs: [200, 500], nonRetryable: [], immediateRetries: 0, order: 'oldest' },
    share: 0.5,
    maxInQueue: 2,
  },
  circuit: { failures: 3, openMs: 500, capMs: 1_000 },
  handlerLimitMs: 200,
  retention: { messagesDays: 0, failuresDays: 0, auditDays: 0, intervalMs: 3_600_000 },
  reconnect: backoff,
  reconcileIntervalMs: 2_000,
  attachConcurrency: 2,
}

/** What a node has for its end. */
const drainMs = 1_000
/** No answer takes longer. */
const lookUpMs = 50

export interface World {
  readonly time: VirtualTime
  readonly broker: MemoryBroker
  readonly database: MemoryDatabase
  readonly nodes: readonly Node[]
  /** What must never happen, as it happened. */
  readonly violations: string[]
  readonly log: string[]
  gatewayUp: boolean
  /** The node's process ends without a word; another one starts. */
  kill(index: number): void
  /** The node is asked to end, and told to give up after a while; another one starts when it has ended. */
  replace(index: number): void
  /** How many nodes are on their end. */
  readonly replacing: number
  /** A tenant's row as an operator has changed it; `hint` tells the nodes at once. */
  change(desired: DesiredTenant, hint: boolean): void
}

type NodeReport = TenantReport & { readonly nodeId: string }

export interface Node {
  /** Between this node and the broker, and the database. */
  readonly brokerLink: Link
  readonly databaseLink: Link
  readonly actor: ReturnType<typeof startManager>
  /** undefined when the node does not run the tenant. */
  statusOf(tenantId: TenantId): TenantStatusReport | undefined
  reportOf(tenantId: TenantId): NodeReport | undefined
  readonly openSessions: number
}

export function createWorld(seed: number): World {
  const time = installVirtualTime(seed)
  const broker = createMemoryBroker(time)
  const database = createMemoryDatabase()
  const violations: string[] = []
  const log: string[] = []
  let gatewayUp = true

  // An effect whose outcome is recorded must not happen again.
  const onRun = (by: Link, { tenantId, id, type, attempt, redelivered, readyAtMs }: Delivery): void => {
    const recorded = database.messages.get(tenantId)?.get(id)
    if (recorded === undefined || (recorded.status === 'retrying' && recorded.attempts < attempt)) return
    const recording = database.recordings.get(id)
    // Somebody else has closed it since this node looked: nobody can know.
    if (recording && recording.by !== by && Date.now() - recording.atMs < lookUpMs) return
    // A first delivery is not looked up: a repeat on another node may have overtaken it while it waited.
    if (attempt === 1 && !redelivered && isFreshId(id, readyAtMs)) return
    violations.push(`${type} ${id} runs as attempt ${attempt} although it is ${recorded.status} after ${recorded.attempts}`)
  }
  const reportsOf = async (ids: readonly TenantId[]): Promise<readonly NodeReport[]> =>
    nodes.flatMap((node) => ids.flatMap((id) => node.reportOf(id) ?? []))
  const startNode = (): Node =>
    createNode({
      ...{ time, broker, database, log, reportsOf },
      handlersOf: (link) => createMemoryHandlers({ link, onRun: (delivery) => onRun(link, delivery), isGatewayUp: () => gatewayUp }),
      onTrouble: (text) => violations.push(text),
    })
  const nodes: Node[] = []
  nodes.push(startNode(), startNode())
  const ending = new Set<Node>()

  /** Another node takes its place. */
  const succeed = (old: Node): void => {
    ending.delete(old)
    for (const link of [old.brokerLink, old.databaseLink]) link.kill()
    broker.dropSilently(old.brokerLink)
    nodes.splice(nodes.indexOf(old), 1, startNode())
  }

  return {
    ...{ time, broker, database, nodes, violations, log },
    get gatewayUp() {
      return gatewayUp
    },
    set gatewayUp(isUp) {
      gatewayUp = isUp
    },
    kill(index) {
      const old = nodes[index]
      if (!old) return
      succeed(old)
      old.actor.stop()
    },
    replace(index) {
      const old = nodes[index]
      if (!old || ending.has(old)) return
      ending.add(old)
      old.actor.subscribe({ complete: () => ending.has(old) && succeed(old) })
      old.actor.send({ type: 'manager.drain' })
      setTimeout(() => ending.has(old) && old.actor.send({ type: 'manager.abort' }), drainMs)
    },
    get replacing() {
      return ending.size
    },
    change(desired: DesiredTenant, hint: boolean) {
      database.tenants.set(desired.id, desired)
      if (!hint) return
      for (const node of nodes) if (!ending.has(node)) node.actor.send({ type: 'tenant.ensure', desired })
    },
  }
}

interface NodeOptions extends Pick<World, 'time' | 'broker' | 'database' | 'log'> {
  readonly handlersOf: (link: Link) => ActorPorts['handlers']
  readonly onTrouble: (text: string) => void
  readonly reportsOf: (tenantIds: readonly TenantId[]) => Promise<readonly NodeReport[]>
}

let nodeCount = 0

function createNode({ time, broker, database, log, handlersOf, onTrouble, reportsOf }: NodeOptions): Node {
  const brokerLink = createLink(time, 'broker.unavailable')
  const databaseLink = createLink(time, 'database.unavailable')
  const write = (level: string) => (text: string, fields?: object) => {
    log.push(`${Date.now() % 10_000_000} ${level} ${text} ${JSON.stringify(fields ?? {})}`)
    if (level === 'error') onTrouble(`${text} ${JSON.stringify(fields ?? {})}`)
  }
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), child: () => logger }
  const none = (): void => {}
  const nodeId = `node-${++nodeCount}`
  const ports = {
    nodeId,
    broker: broker.attach(brokerLink),
    messages: createMemoryMessageStore(database, databaseLink),
    failures: createMemoryFailureStore(database, databaseLink),
    schedules: createMemoryScheduleStore(database, databaseLink),
    tenants: createMemoryTenantStore(database, databaseLink),
    retention: { whileAlone: async () => undefined },
    hints: { announce: none, subscribe: () => none },
    dueHints: { announce: none, subscribe: () => none },
    nodes: { reportsOf },
    handlers: handlersOf(databaseLink),
    metrics: {
      ...{
        settled: none,
        republished: none,
        ledgerCommitted: none,
        ledgerStalled: none,
        handlerRan: none,
        tenantRestarted: none,
        workerRestarted: none,
      },
    },
    log: logger,
    policy,
  } as unknown as ActorPorts
  const { logic, sessions } = createTenantManagerLogic(ports, {
    onReading: none,
    onReleased: none,
    onCircuit: none,
    onFatal: (error) => onTrouble(`the node gives up: ${String(error)}`),
  })
  const actor = startManager(logic, onTrouble)
  const statusOf = (tenantId: TenantId): TenantStatusReport | undefined => {
    for (const supervisor of Object.values(actor.getSnapshot().children)) {
      const { children } = (supervisor?.getSnapshot() ?? {}) as { readonly children?: Readonly<Record<string, AnyActorRef>> }
      const tenant = children?.[`tenant:${tenantId}`]
      if (tenant) return toTenantStatus(tenant.getSnapshot())
    }
    return undefined
  }
  return {
    brokerLink,
    databaseLink,
    actor,
    statusOf,
    reportOf(tenantId) {
      const status = statusOf(tenantId)
      if (!status) return undefined
      const { state, currentWorkers, reason } = status
      return {
        nodeId,
        tenantId,
        state,
        currentWorkers,
        reason,
        busyWorkers: 0,
        inFlight: sessions.find(tenantId)?.inFlight ?? 0,
        circuits: [],
      }
    },
    get openSessions() {
      return [...sessions.all()].filter(({ ended }) => !ended).length
    },
  }
}

function startManager(logic: ReturnType<typeof createTenantManagerLogic>['logic'], onTrouble: (text: string) => void) {
  const input = {
    runsTenants: true,
    restart: policy.restart,
    reconnect: policy.reconnect,
    reconcileIntervalMs: policy.reconcileIntervalMs,
    janitorIntervalMs: 60_000,
  }
  const actor = createActor(logic, { input })
  actor.subscribe({ error: (error) => onTrouble(`the root actor crashed: ${String(error)}`) })
  return actor.start()
}
