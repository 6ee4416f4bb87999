/** The servers of one benchmark run: nobody else's load is on them, and their limits fit thousands of queues. */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import pg from 'pg'
import { migrateUp } from '../../../src/database/index.ts'
import { startPrivatePostgres } from '../../support/services/private-postgres.ts'
import { startPrivateRabbitmq } from '../../support/services/private-rabbitmq.ts'

export interface Services extends AsyncDisposable {
  /** A migrated database on a server with full durability. */
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  /** SIGKILL, then a start on the same folder and port. Resolves when it accepts connections again. */
  crashRabbitmq(): Promise<void>
  /** undefined when no Redis answers at REDIS_URL or on 127.0.0.1:6379. */
  readonly redisUrl: string | undefined
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>
  versions(): Promise<Readonly<Record<string, string>>>
}

export async function startServices(): Promise<Services> {
  await using undo = new AsyncDisposableStack()
  const postgres = await startPrivatePostgres()
  undo.defer(postgres.stop)
  const rabbitmq = await startPrivateRabbitmq()
  undo.defer(async () => {
    await rabbitmq.kill()
    await rabbitmq.stop()
  })
  const databaseUrl = await createDatabase(postgres.url)
  await migrateUp({ url: databaseUrl, schema: 'public' })
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
  undo.defer(() => pool.end())
  const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  const hasRedis = await answers(new URL(redisUrl))

  const query = async <R extends pg.QueryResultRow>(text: string, values?: unknown[]) => (await pool.query<R>(text, values)).rows
  const running = undo.move()
  return {
    databaseUrl,
    rabbitmqUrl: rabbitmq.url,
    async crashRabbitmq() {
      await rabbitmq.kill()
      await rabbitmq.restart()
    },
    redisUrl: hasRedis ? redisUrl : undefined,
    query,
    async versions() {
      const [server] = await query<{ server_version: string }>('show server_version')
      return {
        node: process.version,
        postgresql: server?.server_version ?? 'unknown',
        rabbitmq: (await rabbitmq.ctl(['version'])).trim(),
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function createDatabase(serverUrl: string): Promise<string> {
  const name = `tenantry_bench_${randomBytes(4).toString('hex')}`
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

function answers({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || 6379), timeout: 1000 })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}
