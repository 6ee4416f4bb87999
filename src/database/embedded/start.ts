/** From a data directory to a PostgreSQL that answers: the order of the steps, and their undoing. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { AppError, errorText } from '../../core/errors.ts'
import { chooseAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { clusterDirOf, databaseName, prepareCluster, superuserName } from './cluster.ts'
import { endServersIn } from './leftover.ts'
import { lockDataDir } from './lock.ts'
import { waitUntilReady } from './ready.ts'
import { type Server, type ServerOptions, startServer } from './server.ts'

export interface EmbeddedPostgresOptions {
  /** Made when it does not exist; relative paths start at the working directory. */
  readonly dataDir: string
  /** Receives one line per step worth telling; the server's own log is `<dataDir>/postgres.log`. */
  readonly log: (line: string) => void
  /** Server settings on top of the defaults, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** As root: the users of which the first that exists runs a new cluster. Default: postgres, nobody. */
  readonly accountNames?: readonly string[]
  /** As root: where programs are copied to that the server's user could not reach. Default: /var/cache/tenantry. */
  readonly cacheDir?: string
  /** Answers a port of 127.0.0.1 that is free right now; asked again when it was taken meanwhile. */
  readonly pickPort?: () => Promise<number>
}

export interface EmbeddedPostgres {
  /** `postgres://tenantry:…@127.0.0.1:<port>/tenantry`, as superuser. */
  readonly url: string
  /** Fast shutdown; resolves when no process is left and the directory is free. Tolerates twice, and a server that died. */
  stop(): Promise<void>
  /** Resolves when the server has ended, expected or not; never rejects. */
  readonly exited: Promise<{ readonly reason: string }>
}

const portAttempts = 5
const readyLimitMs = 120_000

/**
 * Starts PostgreSQL on the data directory and resolves when it answers. It ends with this process, even by SIGKILL;
 * what a crash left behind (a server, a half-made cluster, a stale lock) is cleared first.
 *
 * Shape:  `<dataDir>/postgres` the cluster, `postgres-password`, `postgres.log`, `tenantry.lock.<n>`.
 * Errors: `embedded.in_use` when another process holds the directory; `embedded.failed` for everything else.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  if (process.platform === 'win32') {
    throw new AppError('embedded.failed', 'the embedded PostgreSQL runs on Linux and macOS: set DATABASE_URL')
  }
  const startedAt = performance.now()
  const dataDir = resolve(options.dataDir)
  await using undo = new AsyncDisposableStack()
  try {
    const lock = await lockDataDir(dataDir)
    undo.defer(lock.release)
    const clusterDir = clusterDirOf(dataDir)
    const account = await chooseAccount(clusterDir, options.accountNames ?? ['postgres', 'nobody'])
    const binaries = await findBinaries(account, options.cacheDir)
    undo.defer(binaries.release)
    await endServersIn(clusterDir)
    const cluster = await prepareCluster({ dataDir, account, binaries, log: options.log })
    const { server, port } = await serve(
      { dataDir, cluster, account, postgres: binaries.postgres, settings: options.settings ?? {} },
      options.pickPort ?? pickFreePort,
    )
    undo.defer(server.stop)
    options.log(`the embedded PostgreSQL answers on port ${port} after ${Math.round(performance.now() - startedAt)} ms`)
    const running = undo.move()
    let stopped: Promise<void> | undefined
    return {
      url: `postgres://${superuserName}:${cluster.password}@127.0.0.1:${port}/${databaseName}`,
      stop() {
        stopped ??= running.disposeAsync()
        return stopped
      },
      exited: server.exited,
    }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('embedded.failed', `the embedded PostgreSQL in ${dataDir} cannot be started: ${errorText(error)}`, { cause: error })
  }
}

async function serve(options: Omit<ServerOptions, 'port'>, pickPort: () => Promise<number>): Promise<{ server: Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = Number(options.settings.port ?? (await pickPort()))
    const server = await startServer({ ...options, port })
    try {
      await waitUntilReady({ port, password: options.cluster.password, exited: server.exited, limitMs: readyLimitMs })
      return { server, port }
    } catch (error) {
      await server.stop()
      const serverLog = await server.readLog()
      if (attempt < portAttempts && serverLog.includes('could not bind')) continue
      throw new AppError('embedded.failed', `${errorText(error)}: ${errorText(serverLog.slice(-400))}`, { cause: error })
    }
  }
}

async function pickFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new AppError('embedded.failed', 'no port of 127.0.0.1 is free')
  return address.port
}
