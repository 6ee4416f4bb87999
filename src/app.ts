/** The composition root: builds a node from its configuration, and takes it down in reverse. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { deriveKeys } from './auth/index.ts'
import { createPostgresBroker } from './broker/postgres/index.ts'
import { createRabbitmqBroker } from './broker/rabbitmq/index.ts'
import type { Config } from './config/index.ts'
import { AppError, errorText } from './core/errors.ts'
import type { MessageId } from './core/ids.ts'
import { readMessageId } from './core/ids.ts'
import type { Broker } from './core/ports/broker.ts'
import type { EngineApi, MessageDraft } from './core/ports/engine-api.ts'
import type { Logger } from './core/ports/logger.ts'
import type { EngineMetrics } from './core/ports/metrics.ts'
import type { TraceContext } from './core/trace.ts'
import { startEmbeddedPostgres } from './database/embedded/index.ts'
import { type Database, migrateUp, openDatabase } from './database/index.ts'
import { createDisposers, type Disposers } from './disposers.ts'
import { createEngine, type DrainReport, type Engine } from './engine/index.ts'
import { type GeneratedAdmin, prepareAdmin } from './first-admin.ts'
import { createHandlers, type HandlerDefinition, type HandlerPublish, type HandlerServices, loadHandlers } from './handlers/index.ts'
import { readInstallationSecret } from './installation-secret.ts'
import { createLogger } from './observability/logger.ts'
import { createMetrics } from './observability/metrics.ts'
import { startStatelyInspector } from './observability/stately-inspector.ts'
import { openTracing, toTraceIds } from './observability/tracing.ts'
import { createSealer, createSecretReader, createTenantSecrets, type SealedTenantSecrets } from './secrets/index.ts'
import { createNodeHttp, listen } from './serve-http.ts'
import { version } from './version.ts'

export interface NodeOptions {
  /** Handlers of the embedding program, beside the files that the configuration names. */
  readonly handlers?: readonly HandlerDefinition[]
  /** The node cannot go on: its program should stop it and exit. */
  readonly onFatal?: (error: Error) => void
}

/** Broker and database are tried often: an attempt costs one connection, and everybody waits for it. */
const reconnect = { baseMs: 200, factor: 2, capMs: 2_000 }

/** A running node of the engine. */
export interface TenantryNode {
  readonly engine: EngineApi
  readonly metrics: EngineMetrics
  readonly log: Logger
  /** Where HTTP answers. */
  readonly port: number
  /** Set when this start has generated the platform admin's password. */
  readonly generatedAdmin: GeneratedAdmin | undefined
  /**
   * Drains and stops: readiness off, no new publishes, consumers cancelled, handlers finished, outcomes committed and
   * acknowledged, connections closed. At `deadlineMs` (default `drain.deadline_ms`) handlers are aborted. Tolerates twice.
   */
  close(deadlineMs?: number): Promise<DrainReport>
}

/** Errors: AppError; whatever had been started is stopped again. */
export async function startNode(config: Config, options: NodeOptions = {}): Promise<TenantryNode> {
  const nodeId = `${hostname().replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${process.pid}-${randomBytes(3).toString('hex')}`
  const log = createLogger(config.log).child({ node: nodeId })
  const stack = createDisposers()
  try {
    return await compose({ config, options, nodeId, log, stack })
  } catch (error) {
    await stack.dispose()
    throw error
  }
}

interface Composition {
  readonly config: Config
  readonly options: NodeOptions
  readonly nodeId: string
  readonly log: Logger
  readonly stack: Disposers
}

async function compose({ config, options, nodeId, log, stack }: Composition): Promise<TenantryNode> {
  const onFatal = options.onFatal ?? ((error) => log.error('the node cannot go on', { error }))
  const definitions = [...(options.handlers ?? []), ...(await loadHandlers(config.handlers))]
  const metrics = createMetrics({ version })
  const messaging = config.rabbitmq.url === undefined ? 'postgresql' : 'rabbitmq'
  const traced = await openTracing(config.tracing, { nodeId, version, broker: messaging }, log)
  stack.add(async () => traced?.close())
  let closing: Promise<DrainReport> | undefined

  const keys = deriveKeys(await readInstallationSecret(config))
  const url = config.database.url ?? (await startDatabase(config, log, stack, onFatal))
  const applied = await migrateUp({ url, schema: 'public' })
  if (applied.length > 0) log.info('the database was migrated', { migrations: applied })
  const database = await openDatabase({
    url,
    tenantUrl: config.database.tenantUrl,
    poolSize: config.database.poolSize,
    statementTimeoutMs: config.database.statementTimeoutMs,
    nodeId,
    role: config.role,
    peerKeys: keys.peers,
    onPeerError: (error) => log.warn('nodes could not tell each other something', { reason: errorText(error) }),
    onError: (error) => log[closing ? 'debug' : 'warn']('a database connection was lost', { reason: errorText(error) }),
  })
  stack.add(() => database.close())
  const generatedAdmin = await prepareAdmin(config, database, log)
  const secrets = createTenantSecrets({ store: database.secrets, sealer: createSealer(keys.sealing) })
  await resealSecrets(secrets, log)

  const broker = createBroker(config, database, nodeId, log)
  stack.add(() => broker.close(5_000))

  const readSecret = createSecretReader(secrets)
  const engineRef: { current: Engine | undefined } = { current: undefined }
  const services: HandlerServices = {
    defaultTimeoutMs: config.handler.timeoutMs,
    loggerFor: (delivery, trace) =>
      log.child({ tenant_id: delivery.tenantId, message_id: delivery.id, type: delivery.type, ...toTraceIds(trace) }),
    // In the scope of its own tenant: a tenant's actor lives in the context of whichever request has spawned it.
    publishFor: (delivery, trace) => async (message) => {
      const engine = engineRef.current
      if (!engine) throw new AppError('node.draining', 'the engine is not running')
      return database.asTenant(delivery.tenantId, () => engine.publishFromHandler(delivery.tenantId, toDraft(message, trace)))
    },
    secretFor: (delivery) => readSecret(delivery.tenantId),
  }
  const handlers = createHandlers(definitions, services, {
    maxThreads: config.handler.threads,
    memoryMb: config.handler.threadMemoryMb,
    onLeftBehind: (reason, of) =>
      (of === undefined ? log : services.loggerFor(of)).warn('a handler left an error behind after it had answered', { reason }),
  })
  stack.add(() => handlers.close())
  const { statelyPort } = config.inspector
  const viewer = statelyPort === 0 ? undefined : await startStatelyInspector({ port: statelyPort, log })
  stack.add(async () => viewer?.stop())
  const engine = createEngine(
    {
      nodeId,
      broker,
      messages: database.messages,
      failures: database.failures,
      schedules: database.schedules,
      idempotency: database.idempotency,
      retention: database.retention,
      tenants: database.tenants,
      hints: database.hints,
      dueHints: database.dueHints,
      nodes: database.nodes,
      peers: database.peers,
      flightRecords: database.flightRecords,
      handlers,
      metrics,
      tracing: traced?.tracing,
      log,
      policy: {
        prefetch: config.prefetch,
        ledger: config.ledger,
        restart: config.restart,
        reconnect,
        reconcileIntervalMs: config.reconcile.intervalMs,
        attachConcurrency: 32,
        retry: toRetrySettings(config),
        circuit: config.circuit,
        handlerLimitMs: Math.max(config.handler.timeoutMs, ...definitions.map(({ timeoutMs }) => timeoutMs ?? 0)) + 1_000,
        retention: config.retention,
      },
    },
    {
      idempotencyKeepMs: config.idempotency.keepHours * 3_600_000,
      runsTenants: config.role !== 'api',
      defaultWorkers: config.workers,
      topTenants: config.metrics.topTenants,
      inspect: viewer?.inspect,
      onDeleting: (id) => database.identityHints.announce({ of: 'tenant', id }),
      onFatal,
    },
  )
  engineRef.current = engine
  metrics.collect(engine.sample)
  stack.add(() => engine.drain(0).then(() => undefined))
  await engine.start()

  const http = createNodeHttp({ config, keys, database, engine, secrets, metrics, log })
  stack.add(() => http.close(1_000))
  const { port } = await listen(http, config, log)

  const close = async (deadlineMs: number): Promise<DrainReport> => {
    http.startDraining()
    const report = await engine.drain(deadlineMs)
    await stack.dispose()
    return report
  }
  return {
    engine,
    metrics,
    log,
    port,
    generatedAdmin,
    close(deadlineMs = config.drain.deadlineMs) {
      closing ??= close(deadlineMs)
      return closing
    },
  }
}

function toRetrySettings({ retry: { share, ...policy }, prefetch }: Config) {
  return {
    policy: { strategy: 'exponential', nonRetryable: [], ...policy } as const,
    share,
    maxInQueue: Math.max(1, Math.floor(prefetch * share)),
  }
}

async function startDatabase(config: Config, log: Logger, stack: Disposers, onFatal: (error: Error) => void): Promise<string> {
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log: (line) => log.debug(line) })
  let stopping = false
  stack.add(() => {
    stopping = true
    return embedded.stop()
  })
  void embedded.exited.then(({ reason }) => {
    if (!stopping) onFatal(new AppError('embedded.failed', `the embedded PostgreSQL has ended: ${reason}`))
  })
  log.info('the embedded PostgreSQL is ready', { data_dir: config.dataDir })
  return embedded.url
}

function createBroker(config: Config, database: Database, nodeId: string, log: Logger): Broker {
  if (config.rabbitmq.url !== undefined) {
    return createRabbitmqBroker({
      ...config.rabbitmq,
      url: config.rabbitmq.url,
      maxInFlight: config.publish.maxInFlight,
      maxInFlightPerTenant: config.publish.maxInFlightPerTenant,
      maxInFlightBytes: config.publish.maxInFlightBytes,
      confirmTimeoutMs: config.publish.confirmTimeoutMs,
      nodeName: nodeId,
    })
  }
  const { listener } = database
  return createPostgresBroker({
    url: database.url,
    poolSize: config.database.poolSize,
    wake: {
      notify: (queue) => listener.notify('wake', queue),
      subscribe: (onWake) => listener.listen('wake', onWake),
    },
    maxInFlightPublishes: config.publish.maxInFlight,
    maxInFlightPerTenant: config.publish.maxInFlightPerTenant,
    maxInFlightBytes: config.publish.maxInFlightBytes,
    publishTimeoutMs: config.publish.confirmTimeoutMs,
    log: (level, message, details) => log[level](message, details === undefined ? undefined : { ...details }),
  })
}

/** A node that cannot open a secret serves all the same: the messages that need it fail with the reason. */
async function resealSecrets(secrets: SealedTenantSecrets, log: Logger): Promise<void> {
  const { resealed, unopened } = await secrets.resealAll()
  if (resealed > 0) log.info('stored secrets were sealed anew with the current key', { resealed })
  for (const { keyId, count } of unopened) {
    log.error('stored secrets cannot be opened: the installation’s secret they were sealed with is not configured', {
      key_id: keyId,
      count,
    })
  }
}

function toDraft(message: HandlerPublish, trace: TraceContext | undefined): MessageDraft {
  let id: MessageId | undefined
  if (message.id !== undefined) {
    id = readMessageId(message.id)
    if (id === undefined) throw new TypeError(`publish: id "${message.id}" is not a UUID`)
  }
  return { id, type: message.type, data: message.data, priority: message.priority ?? 0, key: message.key ?? null, trace }
}
