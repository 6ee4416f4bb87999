/** The engine: the root actor of this node and everything one may ask of it. */
import { type AnyActorRef, createActor, type InspectionEvent, type Snapshot, toPromise } from 'xstate'
import { type ActorPorts, createTenantManagerLogic, toTenantId, toTenantStatus } from '../../actors/index.ts'
import { AppError, errorText, toError } from '../core/errors.ts'
import type { MessageId, TenantId } from '../core/ids.ts'
import type { EngineApi, MessageDraft } from '../core/ports/engine-api.ts'
import type { FlightRecordStore } from '../core/ports/flight-record-store.ts'
import type { IdempotencyStore } from '../core/ports/idempotency-store.ts'
import type { Inspection } from '../core/ports/inspection.ts'
import type { Sampler } from '../core/ports/metrics.ts'
import type { Peers } from '../core/ports/peers.ts'
import { within } from '../core/within.ts'
import { createActorClock } from './actor-clock.ts'
import { createConvergence } from './convergence.ts'
import { createDesiredCache } from './desired-cache.ts'
import { createFailedMessages } from './failed-messages.ts'
import { createNodeInspection } from './inspection/node-inspection.ts'
import { createMetricSample } from './metric-sample.ts'
import { createNodeReporter } from './node-reporter.ts'
import { createPublishing } from './publishing.ts'
import { createQueueDepths } from './queue-depths.ts'
import { createReadiness } from './readiness.ts'
import { createStatusBoard } from './status-board.ts'
import { createTenantCommands } from './tenant-commands.ts'
import { createTenantStats } from './tenant-stats.ts'
import { createTenantViews } from './tenant-views.ts'

export interface EnginePorts extends ActorPorts {
  readonly idempotency: IdempotencyStore
  readonly flightRecords: FlightRecordStore
  readonly peers: Peers
}

export interface EngineOptions {
  readonly runsTenants: boolean
  readonly idempotencyKeepMs: number
  readonly defaultWorkers: number
  /** How many of the busiest tenants the metrics show by themselves. */
  readonly topTenants: number
  /** A tenant is on its way out: nobody may act for it any more. Must not throw. */
  readonly onDeleting?: (id: TenantId) => void
  /** Sees what every actor goes through, for development. Must not throw. */
  readonly inspect?: ((event: InspectionEvent) => void) | undefined
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
  readonly sample: Sampler
  readonly inspection: Inspection
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
  let drainEndsAtMs: number | undefined
  const { inspection, observe, close } = createNodeInspection({
    ...ports,
    drainEndsAtMs: () => drainEndsAtMs,
    sessions,
    circuits,
    runsTenants: options.runsTenants,
    root: () => root,
  })
  const clock = createActorClock()
  const root = createActor(logic, {
    id: 'tenantManager',
    clock,
    input: {
      runsTenants: options.runsTenants,
      restart: policy.restart,
      reconnect: policy.reconnect,
      reconcileIntervalMs: policy.reconcileIntervalMs,
      janitorIntervalMs: Math.min(janitorIntervalMs, policy.retention.intervalMs),
    },
    // Every snapshot of every actor passes here: the board looks at tenants only, and nothing may throw.
    inspect: (event) => {
      observe(event)
      options.inspect?.(event)
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
    onDeleting: options.onDeleting ?? (() => undefined),
    tell: (desired) => root.send({ type: 'tenant.ensure', desired }),
    inFlight: (id) => sessions.find(id)?.inFlight ?? 0,
  })
  const readiness = createReadiness({
    database: () => ports.messages.ping(),
    brokerLink: () => root.getSnapshot().children.brokerLink?.getSnapshot(),
    board,
    log: ports.log,
  })
  const childOf = (name: 'brokerLink' | 'ledger' | 'retryScheduler') => root.getSnapshot().children[name]?.getSnapshot()
  const isBrokerUp = (): boolean => root.getSnapshot().children.brokerLink?.getSnapshot().matches('up') === true
  const metricSample = createMetricSample({
    board,
    sessions,
    depths: createQueueDepths({ board, sessions, broker: ports.broker, prefetch: policy.prefetch, isBrokerUp }),
    metrics: ports.metrics,
    childOf,
    readiness: readiness.read,
    runsTenants: options.runsTenants,
    topTenants: options.topTenants,
  })

  const stats = createTenantStats({ ...ports, sessions, views })

  return {
    ...commands,
    inspection,
    async start() {
      root.start()
      await within(Promise.all([read, readiness.connected(startDeadlineMs)]), startDeadlineMs + 1_000, readingIsLate)
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
    tenantStats: stats.read,

    publish: publishing.publish,
    publishFromHandler: publishing.publishFromHandler,
    ...createFailedMessages({ ...ports, policy: policy.retry.policy }),
    listErasures: (query) => ports.tenants.listTombstones(query),
    async findErasure(id) {
      const tombstone = await ports.tenants.tombstone(id)
      return tombstone && { ...tombstone, tenantId: id }
    },
    tenantConfig(id) {
      const found = cache.find(id)
      return found instanceof Promise ? found.then((desired) => desired?.config) : found.config
    },

    listMessages: (query) => ports.messages.list(query),
    findMessage: (tenantId, id) => ports.messages.find(tenantId, id),
    readiness: readiness.read,

    async drain(deadlineMs) {
      readiness.draining()
      const end = async (): Promise<void> => {
        metricSample.stop()
        root.stop()
        clock.stop()
        await close()
        stats.close()
        await reporter.stop().catch((error: unknown) => ports.log.debug('this node could not take its leave', { reason: errorText(error) }))
      }
      // It has crashed, or was drained before.
      if (root.getSnapshot().status !== 'active') {
        await end()
        return { complete: true, orphans: [] }
      }
      metricSample.draining(deadlineMs)
      drainEndsAtMs = Date.now() + deadlineMs
      publishing.stop()
      const done = toPromise(root).then(
        () => true,
        () => false,
      )
      root.send({ type: 'manager.drain' })
      let complete = await within(done, deadlineMs, () => false)
      const orphans = complete ? [] : listOrphans(sessions)
      if (!complete) {
        root.send({ type: 'manager.abort' })
        complete = (await within(done, abortGraceMs, () => false)) && orphans.length === 0
      }
      ports.metrics.nodeDrained(complete)
      await end()
      return { complete, orphans }
    },
    sample: metricSample.sample,
  }
}

function isTenantSnapshot(snapshot: Snapshot<unknown>): snapshot is Snapshot<unknown> & Parameters<typeof toTenantStatus>[0] {
  return 'matches' in snapshot && 'context' in snapshot
}

function listOrphans(sessions: {
  all(): Iterable<{ tenantId: TenantId; running: ReadonlyMap<{ id: string }, unknown> }>
}): DrainReport['orphans'] {
  return [...sessions.all()]
    .filter(({ running }) => running.size > 0)
    .map(({ tenantId, running }) => ({ tenantId, messageIds: [...running.keys()].map(({ id }) => id) }))
}

function readingIsLate(): never {
  throw new AppError('database.unavailable', 'the desired state could not be read in time', { retryable: true })
}
