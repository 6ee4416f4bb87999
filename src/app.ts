/** The composition root: builds a node from its configuration, and takes it down in reverse. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { createAuthenticate, createLogin, createSigningKeys, createTokens } from './auth/index.ts'
import { createPostgresBroker } from './broker/postgres/index.ts'
import { createRabbitmqBroker } from './broker/rabbitmq/index.ts'
import type { Config } from './config/index.ts'
import { AppError, errorText, toError } from './core/errors.ts'
import type { MessageId } from './core/ids.ts'
import { readMessageId } from './core/ids.ts'
import type { Broker } from './core/ports/broker.ts'
import type { EngineApi, MessageDraft } from './core/ports/engine-api.ts'
import type { Logger } from './core/ports/logger.ts'
import type { EngineMetrics } from './core/ports/metrics.ts'
import { startEmbeddedPostgres } from './database/embedded/index.ts'
import { type Database, migrateUp, openDatabase } from './database/index.ts'
import { createDisposers, type Disposers } from './disposers.ts'
import { createEngine, type DrainReport, type Engine } from './engine/index.ts'
import { type GeneratedAdmin, prepareAdmin } from './first-admin.ts'
import { createHandlers, type HandlerDefinition, type HandlerPublish, type HandlerServices, loadHandlers } from './handlers/index.ts'
import { createHttpServer } from './http/index.ts'
import { createLogger } from './observability/logger.ts'
import { createMetrics } from './observability/metrics.ts'
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
  const log = createLogger(config.log)
  const stack = createDisposers()
  try {
    return await compose(config, options, log, stack)
  } catch (error) {
    await stack.dispose()
    throw error
  }
}

async function compose(config: Config, options: NodeOptions, log: Logger, stack: Disposers): Promise<TenantryNode> {
  const nodeId = `${hostname().replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${process.pid}-${randomBytes(3).toString('hex')}`
  const onFatal = options.onFatal ?? ((error) => log.error('the node cannot go on', { error }))
  const definitions = [...(options.handlers ?? []), ...(await loadHandlers(config.handlers))]
  const metrics = createMetrics()
  let closing: Promise<DrainReport> | undefined

  const url = config.database.url ?? (await startDatabase(config, log, stack, onFatal))
  const applied = await migrateUp({ url, schema: 'public' })
  if (applied.length > 0) log.info('the database was migrated', { migrations: applied })
  const database = await openDatabase({
    url,
    poolSize: config.database.poolSize,
    statementTimeoutMs: config.database.statementTimeoutMs,
    nodeId,
    role: config.role,
    onError: (error) => log[closing ? 'debug' : 'warn']('a database connection was lost', { reason: errorText(error) }),
  })
  stack.add(() => database.close())
  const generatedAdmin = await prepareAdmin(config, database, log)

  const broker = createBroker(config, database, nodeId, log)
  stack.add(() => broker.close(5_000))

  const engineRef: { current: Engine | undefined } = { current: undefined }
  const services: HandlerServices = {
    defaultTimeoutMs: config.handler.timeoutMs,
    loggerFor: (delivery) => log.child({ tenant_id: delivery.tenantId, message_id: delivery.id, type: delivery.type }),
    publishFor: (delivery) => async (message) => {
      if (!engineRef.current) throw new AppError('node.draining', 'the engine is not running')
      return engineRef.current.publishFromHandler(delivery.tenantId, toDraft(message))
    },
  }
  const handlers = createHandlers(definitions, services, {
    maxThreads: config.handler.threads,
    memoryMb: config.handler.threadMemoryMb,
    onLeftBehind: (reason, of) =>
      (of === undefined ? log : services.loggerFor(of)).warn('a handler left an error behind after it had answered', { reason }),
  })
  stack.add(() => handlers.close())
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
      handlers,
      metrics,
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
      onFatal,
    },
  )
  engineRef.current = engine
  metrics.collect(() => engine.sample())
  stack.add(() => engine.drain(0).then(() => undefined))
  await engine.start()

  const tokens = createTokens({ keys: createSigningKeys(database.auth), lifetimeSeconds: config.auth.tokenTtlSeconds })
  const http = createHttpServer({
    engine,
    authenticate: createAuthenticate(tokens),
    login: createLogin({ store: database.auth, tokens }),
    metrics: async () => {
      const { contentType, text } = await metrics.render()
      return { contentType, body: text }
    },
    limits: { bodyBytes: config.http.bodyLimitBytes },
    servesApi: config.role !== 'worker',
    log: (level, message, details) => log[level](message, details),
    version,
  })
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

async function listen(http: ReturnType<typeof createHttpServer>, config: Config, log: Logger): Promise<{ port: number }> {
  try {
    return await http.listen(config.port, config.host)
  } catch (thrown) {
    const code = 'code' in toError(thrown) ? (thrown as { code: unknown }).code : undefined
    // A worker's port is for health and metrics only: beside an API node on one machine any other will do.
    if (code === 'EADDRINUSE' && config.role === 'worker') {
      const other = await http.listen(0, config.host)
      log.warn('the port is taken; this worker answers health and metrics on another one', { wanted: config.port, port: other.port })
      return other
    }
    if (code === 'EADDRINUSE') {
      throw new AppError('config.invalid', `port ${config.port} on ${config.host} is taken by another program; set PORT to a free one`)
    }
    throw thrown
  }
}

function toDraft(message: HandlerPublish): MessageDraft {
  let id: MessageId | undefined
  if (message.id !== undefined) {
    id = readMessageId(message.id)
    if (id === undefined) throw new TypeError(`publish: id "${message.id}" is not a UUID`)
  }
  return { id, type: message.type, data: message.data, priority: message.priority ?? 0, key: message.key ?? null }
}
