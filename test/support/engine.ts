/** A node of the engine in the test's own process, over HTTP and by hand. */
import { startNode, type TenantryNode } from '../../src/app.ts'
import { type ConfigOverrides, loadConfig } from '../../src/config/index.ts'
import type { TenantId } from '../../src/core/ids.ts'
import { tenantDeadLetterQueueName, tenantQueueName } from '../../src/core/ids.ts'
import type { HandlerDefinition } from '../../src/handlers/index.ts'
import { type Api, adminPassword, connectApi, installationSecret } from './api.ts'
import { type BrokerKind, createInstallation, type Installation } from './installation.ts'
import { lookAtQueue, type QueueLook } from './rabbitmq.ts'

export interface EngineOptions {
  readonly handlers?: readonly HandlerDefinition[]
  /** Over the settings of a test. */
  readonly config?: ConfigOverrides
  readonly onFatal?: (error: Error) => void
}

export interface TestNode extends AsyncDisposable {
  readonly node: TenantryNode
  readonly api: Api
  /** Drains and stops; what it shared with other nodes stays. Tolerates twice. */
  close(deadlineMs?: number): ReturnType<TenantryNode['close']>
}

export interface TestEngine extends TestNode {
  readonly installation: Installation
  /** What RabbitMQ, or the broker in PostgreSQL, says about a tenant's queues; undefined when the queue is missing. */
  queue(tenantId: string): Promise<QueueLook | undefined>
  deadLetterQueue(tenantId: string): Promise<QueueLook | undefined>
}

/** A node on an installation of its own. Both go with it. */
export async function startEngine(options: EngineOptions & { readonly broker: BrokerKind }): Promise<TestEngine> {
  const installation = await createInstallation(options.broker)
  try {
    const started = await startNodeOn(installation, options)
    return {
      ...started,
      installation,
      queue: (id) => lookAt(installation, tenantQueueName(id as TenantId)),
      deadLetterQueue: (id) => lookAt(installation, tenantDeadLetterQueueName(id as TenantId)),
      async [Symbol.asyncDispose]() {
        await started.close(5_000)
        await installation[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await installation[Symbol.asyncDispose]()
    throw error
  }
}

/** One more node on an installation. */
export async function startNodeOn(installation: Installation, options: EngineOptions = {}): Promise<TestNode> {
  const { database, rabbitmq, admin, log, http, ...config } = options.config ?? {}
  const node = await startNode(
    // Not the environment: it may name the broker that another test is for.
    loadConfig({
      env: {},
      overrides: {
        port: 0,
        host: '127.0.0.1',
        dataDir: installation.dir,
        database: { url: installation.databaseUrl, poolSize: 4, ...database },
        rabbitmq: { url: installation.rabbitmqUrl, ...rabbitmq },
        secret: installationSecret,
        admin: { password: adminPassword, ...admin },
        http: { ...http, rateLimits: { managementPerSecond: 0, ...http?.rateLimits } },
        log: { level: 'silent', ...log },
        ...config,
      },
    }),
    {
      handlers: options.handlers ?? [],
      onFatal: (error) => {
        if (options.onFatal) options.onFatal(error)
        else throw error
      },
    },
  )
  const close = (deadlineMs = 5_000) => node.close(deadlineMs)
  try {
    return {
      node,
      api: await connectApi(`http://127.0.0.1:${node.port}`),
      close,
      [Symbol.asyncDispose]: async () => {
        await close()
      },
    }
  } catch (error) {
    await close(0)
    throw error
  }
}

async function lookAt(installation: Installation, name: string): Promise<QueueLook | undefined> {
  if (installation.rabbitmqUrl !== undefined) return lookAtQueue(installation.rabbitmqUrl, name)
  const [row] = await installation.query<{ messages: number }>(
    `select (select count(*)::int from tenantry_queue.job j where j.name = q.name and j.state < 'active') as messages
     from tenantry_queue.queue q where q.name = $1`,
    [name],
  )
  return row && { messages: row.messages, consumers: 1 }
}
