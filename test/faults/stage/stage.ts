/** Everything that one trial runs on: servers, proxies before them, a database, tenants and the engine as a process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Api } from '../../support/api.ts'
import type { BrokerKind } from '../../support/installation.ts'
import { commonEnvironment, repositoryDir } from '../../support/process.ts'
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import { createStageDatabase, type StageDatabase } from './database.ts'
import { createEngine, type Engine } from './engine.ts'
import type { Servers } from './servers.ts'

export interface Stage extends AsyncDisposable {
  readonly broker: BrokerKind
  readonly servers: Servers
  readonly database: StageDatabase
  readonly databaseProxy: TcpProxy
  /** Before RabbitMQ. */
  readonly brokerProxy: TcpProxy | undefined
  /** Every way from the engine to its servers. */
  readonly proxies: readonly TcpProxy[]
  readonly engine: Engine
  /** One more node of the same installation; it goes with the stage, too. */
  startOther(): Promise<Engine>
  /** What nobody asked for, of all nodes there were. */
  surprises(): readonly string[]
  /** What all nodes have written. */
  output(): string
  /** A folder of the trial's own. */
  readonly dir: string
  readonly effectsFile: string
  /** As long as it exists, handlers of the type `held` wait. */
  readonly gateFile: string
  /** The node's API; an error when none is ready. */
  api(): Api
}

/** The engine is ready when this resolves. Everything but the servers goes with the stage. */
export async function createStage(broker: BrokerKind, servers: Servers, env: Readonly<Record<string, string>>): Promise<Stage> {
  await using undo = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'tenantry-faults-'))
  undo.defer(() => rmSync(dir, { recursive: true, force: true }))
  const database = await createStageDatabase(servers.postgres.url)
  undo.use(database)
  const databaseProxy = undo.use(await startTcpProxy(database.url))
  const brokerProxy = servers.rabbitmqUrl === undefined ? undefined : undo.use(await startTcpProxy(servers.rabbitmqUrl))
  const effectsFile = join(dir, 'effects.jsonl')
  const gateFile = join(dir, 'gate')
  const nodeEnv = {
    DATABASE_URL: databaseProxy.url,
    ...(brokerProxy ? { RABBITMQ_URL: brokerProxy.url } : {}),
    DATA_DIR: dir,
    ...commonEnvironment,
    TENANTRY_DATABASE_POOL_SIZE: '4',
    // Small, so that a stopped broker is noticed within the patience of a trial.
    TENANTRY_RABBITMQ_HEARTBEAT_SECONDS: '3',
    TENANTRY_DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    TENANTRY_HANDLERS: join(repositoryDir, 'test/support/handlers/faulty.ts'),
    TENANTRY_TEST_EFFECTS: effectsFile,
    TENANTRY_TEST_GATE: gateFile,
    ...env,
  }
  const engines = new AsyncDisposableStack()
  undo.use(engines)
  const nodes: Engine[] = []
  const startEngine = async (): Promise<Engine> => {
    const engine = engines.use(createEngine(nodeEnv))
    nodes.push(engine)
    await engine.start()
    return engine
  }
  const engine = await startEngine()
  const all = undo.move()
  return {
    broker,
    servers,
    database,
    databaseProxy,
    brokerProxy,
    proxies: brokerProxy ? [databaseProxy, brokerProxy] : [databaseProxy],
    engine,
    startOther: startEngine,
    surprises: () => nodes.flatMap(({ surprises }) => surprises),
    output: () => nodes.map((each) => each.output()).join(''),
    dir,
    effectsFile,
    gateFile,
    api() {
      const api = engine.api()
      if (!api) throw new Error('no engine is ready')
      return api
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
