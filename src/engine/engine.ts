/** The engine: the root actor of this node and everything one may ask of it. */
import { type AnyActorRef, createActor, type Snapshot, toPromise } from 'xstate'
import { type ActorPorts, createTenantManagerLogic, toTenantId, toTenantStatus } from '../../actors/index.ts'
import { AppError, errorText, toError } from '../core/errors.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { CircuitView, EngineApi, MessageDraft } from '../core/ports/engine-api.ts'
import type { IdempotencyStore } from '../core/ports/idempotency-store.ts'
import type { EngineSample } from '../core/ports/metrics.ts'
import type { TenantReport } from '../core/ports/tenant-store.ts'
import { createConvergence } from './convergence.ts'
import { createDesiredCache } from './desired-cache.ts'
import { createFailedMessages } from './failed-messages.ts'
import { createNodeReporter } from './node-reporter.ts'
import { createPublishing } from './publishing.ts'
import { createReadiness } from './readiness.ts'
import { createStatusBoard } from './status-board.ts'
import { createTenantCommands } from './tenant-commands.ts'
import { createTenantViews } from './tenant-views.ts'

export interface EnginePorts extends ActorPorts {
  readonly idempotency: IdempotencyStore
}

export interface EngineOptions {
  readonly runsTenants: boolean
  readonly idempotencyKeepMs: number
  readonly defaultWorkers: number
  /** The node cannot go on. */
  readonly onFatal: (error: Error) => void
}

export interface DrainReport {
  /** True when every tenant had finished what had arrived before the deadline. */
  readonly complete: boolean
  /** Deliveries that were in hand at the deadline: the broker delivers them again. */
  readonly orphans: readonly { readonly tenantId: TenantId; readonly messageIds: readonly string[] }[]
}

export interface Engine extends EngineApi {
  /** Resolves when the broker is connected and the desired state was read; tenants attach from then on. */
  start(): Promise<void>
  /** For a handler: work in hand may publish to the end. */
  publishFromHandler(tenantId: TenantId, draft: MessageDraft): Promise<MessageId>
  /** Lets every tenant finish what has arrived; at the deadline handlers are aborted. Never rejects. */
  drain(deadlineMs: number): Promise<DrainReport>
  sample(): EngineSample
}

const startDeadlineMs = 30_000
const janitorIntervalMs = 60_000
/** What is left to handlers and channels after the abort. */
const abortGraceMs = 2_000

export function createEngine(ports: EnginePorts, options: EngineOptions): Engine {
  const board = createStatusBoard()
  const cache = createDesiredCache(ports.tenants)
  let firstReading: () => void = () => {}
  const read = new Promise<void>((resolve) => {
    firstReading = resolve
  })
  const { logic, sessions, circuits } = createTenantManagerLogic(ports, {
    onReading: (reading) => {
      cache.adopt(reading)
      if (reading.kind === 'all') firstReading()
    },
    onReleased: (tenantId) => board.remove(tenantId),
    onCircuit: (tenantId) => reporter.touch(tenantId),
    onFatal: (error) => options.onFatal(toError(error)),
  })
  const { policy } = ports
  const root = createActor(logic, {
    id: 'tenantManager',
    input: {
      runsTenants: options.runsTenants,
      restart: policy.restart,
      reconnect: policy.reconnect,
      reconcileIntervalMs: policy.reconcileIntervalMs,
      janitorIntervalMs: Math.min(janitorIntervalMs, policy.retention.intervalMs),
    },
    // Every snapshot of every actor passes here, so this looks at tenants only, and must not throw.
    inspect: (event) => {
      // A final snapshot comes after its parent has heard of the end: it would put the tenant back.
      if (event.type !== '@xstate.snapshot' || event.snapshot.status !== 'active') return
      const { id } = event.actorRef as AnyActorRef
      if (id.startsWith('tenant:') && isTenantSnapshot(event.snapshot)) board.set(toTenantId(id), toTenantStatus(event.snapshot))
    },
  })
  root.subscribe({ error: (error) => options.onFatal(toError(error)) })

  const reporter = createNodeReporter(ports.nodes, board, { sessions, circuits }, ports.log)
  const views = createTenantViews(board, ports.nodes)
  const publishing = createPublishing({ ...ports, desired: cache, idempotencyKeepMs: options.idempotencyKeepMs })
  const commands = createTenantCommands({
    ...ports,
    desired: cache,
    convergence: createConvergence(board, ports.nodes, options.runsTenants),
    views,
    publishing,
    runsTenants: options.runsTenants,
    defaultWorkers: options.defaultWorkers,
    tell: (desired) => root.send({ type: 'tenant.ensure', desired }),
    inFlight: (id) => sessions.find(id)?.inFlight ?? 0,
  })
  const readiness = createReadiness({
    database: () => ports.messages.ping(),
    brokerLink: () => root.getSnapshot().children.brokerLink?.getSnapshot(),
    board,
  })

  const inFlightOf = async (id: TenantId): Promise<{ inFlight: number; busy: number }> => {
    const session = sessions.find(id)
    if (options.runsTenants) return { inFlight: session?.inFlight ?? 0, busy: session?.running.size ?? 0 }
    const reports = await ports.nodes.reportsOf([id])
    return {
      inFlight: reports.reduce((sum, report) => sum + report.inFlight, 0),
      busy: reports.reduce((sum, report) => sum + report.busyWorkers, 0),
    }
  }

  return {
    ...commands,
    async start() {
      root.start()
      await Promise.race([Promise.all([read, readiness.connected(startDeadlineMs)]), readiness.timeout(startDeadlineMs)])
      await reporter.start()
      readiness.serving()
    },

    async listTenants(query) {
      const page = await ports.tenants.list(query)
      return { tenants: await views.toViews(page.tenants), next: page.next }
    },
    async findTenant(id) {
      const tenant = await ports.tenants.find(id)
      return tenant && views.toView(tenant)
    },
    async tenantStats(id) {
      const tenant = await ports.tenants.find(id)
      if (!tenant) throw new AppError('tenant.missing', `there is no tenant ${id}`, { scope: 'tenant' })
      const [depth, runtime, { inFlight, busy }] = await Promise.all([ports.broker.depth(id), views.runtimeOf(id), inFlightOf(id)])
      const meter = sessions.meterOf(id)
      const nowMs = Date.now()
      return {
        queue: { ...depth, unacked: depth.unacked ?? inFlight },
        inFlight,
        ratePerSecond1m: meter?.ratePerSecond(nowMs) ?? 0,
        latencyMs: { p50: meter?.latencyMs(0.5, nowMs) ?? null, p99: meter?.latencyMs(0.99, nowMs) ?? null },
        workers: { desired: tenant.workers, current: runtime.currentWorkers, busy },
        state: runtime.state,
        circuits: toCircuitViews(await ports.nodes.reportsOf([id])),
      }
    },

    publish: publishing.publish,
    publishFromHandler: publishing.publishFromHandler,
    ...createFailedMessages({ ...ports, policy: policy.retry.policy }),
    listMessages: (query) => ports.messages.list(query),
    findMessage: (tenantId, id) => ports.messages.find(tenantId, id),
    readiness: readiness.read,

    async drain(deadlineMs) {
      if (root.getSnapshot().status !== 'active') return { complete: true, orphans: [] }
      readiness.draining()
      publishing.stop()
      const done = toPromise(root).then(
        () => true,
        () => false,
      )
      root.send({ type: 'manager.drain' })
      let complete = await within(done, deadlineMs)
      const orphans = complete ? [] : listOrphans(sessions)
      if (!complete) {
        root.send({ type: 'manager.abort' })
        complete = (await within(done, abortGraceMs)) && orphans.length === 0
      }
      root.stop()
      await reporter.stop().catch((error: unknown) => ports.log.debug('this node could not take its leave', { reason: errorText(error) }))
      return { complete, orphans }
    },
    sample: () => sampleEngine(board, sessions, root.getSnapshot().children.brokerLink?.getSnapshot()),
  }
}

/** Of several nodes' circuits for a destination the one that lasts longest. */
function toCircuitViews(reports: readonly TenantReport[]): readonly CircuitView[] {
  const views = new Map<string, CircuitView>()
  for (const { destination, state, untilMs, reason } of reports.flatMap(({ circuits }) => circuits)) {
    const other = views.get(destination)
    if (!other || other.until.getTime() < untilMs) views.set(destination, { destination, state, until: new Date(untilMs), reason })
  }
  return [...views.values()]
}

function isTenantSnapshot(snapshot: Snapshot<unknown>): snapshot is Snapshot<unknown> & Parameters<typeof toTenantStatus>[0] {
  return 'matches' in snapshot && 'context' in snapshot
}

function listOrphans(sessions: { all(): Iterable<{ tenantId: TenantId; running: ReadonlySet<{ id: string }> }> }): DrainReport['orphans'] {
  return [...sessions.all()]
    .filter(({ running }) => running.size > 0)
    .map(({ tenantId, running }) => ({ tenantId, messageIds: [...running].map(({ id }) => id) }))
}

function sampleEngine(
  board: ReturnType<typeof createStatusBoard>,
  sessions: { all(): Iterable<{ inFlight: number; running: ReadonlySet<unknown> }> },
  link: Snapshot<unknown> | undefined,
): EngineSample {
  const tenants: Record<string, number> = {}
  let workers = 0
  for (const [, status] of board.entries()) {
    tenants[status.state] = (tenants[status.state] ?? 0) + 1
    workers += status.currentWorkers
  }
  let inFlightMessages = 0
  let busy = 0
  for (const session of sessions.all()) {
    inFlightMessages += session.inFlight
    busy += session.running.size
  }
  return { tenants, workers: { idle: Math.max(0, workers - busy), busy }, inFlightMessages, brokerUp: isLinkUp(link) }
}

function isLinkUp(link: Snapshot<unknown> | undefined): boolean {
  return link !== undefined && 'value' in link && typeof link.value === 'object' && link.value !== null && 'up' in link.value
}

async function within(done: Promise<boolean>, deadlineMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs)
  })
  return Promise.race([done, late]).finally(() => clearTimeout(timer))
}
