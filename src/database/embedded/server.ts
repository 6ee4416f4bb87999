/** The running server: a child of a small watcher that ends it when this process ends, however it ends. */
import { spawn } from 'node:child_process'
import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { endServersIn } from './leftover.ts'
import { type Account, serverEnvironment } from './run.ts'

/**
 * The watcher holds the reading end of a pipe whose writing end only we hold, so its end of file means "stop", or that we died.
 * It ignores the signals that are sent to whole groups, and asks again each second, because a server that has just been started
 * does not listen yet. It ends with the server; USR1 to its own group ends what is left of the reader.
 */
const watcherScript = `
trap '' HUP INT TERM
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ while read -r line; do :; done; while kill -INT "$server"; do sleep 1; done; } <&3 2>/dev/null &
exec 3<&-
wait "$server"
code=$?
trap '' USR1
kill -USR1 -$$
wait
exit "$code"
`

/** The settings of a server on a developer's machine; nothing that was committed may be lost. */
const defaultSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_connections: '100',
  // One statement over a table with thousands of partitions locks each of them.
  max_locks_per_transaction: '1024',
  jit: 'off',
  log_checkpoints: 'off',
  log_destination: 'stderr',
  logging_collector: 'off',
}

const maxLogBytes = 10_000_000
const stopLimitMs = 20_000

export interface ServerOptions {
  readonly dataDir: string
  readonly cluster: Cluster
  readonly account: Account | undefined
  readonly postgres: string
  readonly port: number
  readonly settings: Readonly<Record<string, string>>
}

export interface Server {
  /** Fast shutdown: open transactions are rolled back. Resolves when no process of the server is left; tolerates twice. */
  stop(): Promise<void>
  /** Resolves when the server has ended, for whatever reason; never rejects. */
  readonly exited: Promise<{ readonly reason: string }>
  /** What the server has logged since this start, at most the last 4 kB. */
  readLog(): Promise<string>
}

/**
 * Starts the server; it does not wait until it answers. Its log is appended to `<dataDir>/postgres.log`,
 * which becomes `postgres.log.1` at a start that finds more than 10 MB.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { account, cluster } = options
  const logFile = join(options.dataDir, 'postgres.log')
  await rotate(logFile)
  await using log = await open(logFile, 'a+', 0o600)
  const logStart = (await log.stat()).size

  const settings = { ...defaultSettings, port: String(options.port), ...options.settings }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const watcher = spawn(
    '/bin/sh',
    ['-c', watcherScript, 'tenantry-postgres', options.postgres, '-D', cluster.dirForServer, ...flags],
    // Its own session, so that Ctrl-C in our terminal does not reach it.
    { ...account, cwd: cluster.dir, env: serverEnvironment, detached: true, stdio: ['pipe', log.fd, log.fd] },
  )
  watcher.stdin?.on('error', () => {})

  let isStopping = false
  const exited = new Promise<{ reason: string }>((resolve) => {
    watcher.once('error', (error) => resolve({ reason: `PostgreSQL could not be started: ${error.message}` }))
    watcher.once('exit', (code, signal) => {
      const reason = isStopping ? 'PostgreSQL was stopped' : `PostgreSQL ended unexpectedly (${signal ?? `exit code ${code}`})`
      // Only a killed watcher, or a killed server, leaves processes behind.
      endServersIn(cluster.dir).then(
        () => resolve({ reason }),
        (error: Error) => resolve({ reason: `${reason}; ${error.message}` }),
      )
    })
  })

  const stop = async () => {
    isStopping = true
    watcher.stdin?.end()
    const deadline = AbortSignal.timeout(stopLimitMs)
    const late = new Promise<'late'>((resolve) => deadline.addEventListener('abort', () => resolve('late'), { once: true }))
    if ((await Promise.race([exited, late])) === 'late') await endServersIn(cluster.dir)
    await exited
  }
  let stopped: Promise<void> | undefined
  return {
    exited,
    stop() {
      stopped ??= stop()
      return stopped
    },
    readLog: () => readFrom(logFile, logStart),
  }
}

async function rotate(logFile: string): Promise<void> {
  const facts = await stat(logFile).catch(() => undefined)
  if (facts !== undefined && facts.size > maxLogBytes) await rename(logFile, `${logFile}.1`)
}

async function readFrom(logFile: string, start: number): Promise<string> {
  await using handle: FileHandle = await open(logFile)
  const { size } = await handle.stat()
  const from = Math.max(start, size - 4_096)
  const { buffer, bytesRead } = await handle.read({ position: from, buffer: Buffer.alloc(Math.max(0, size - from)) })
  return buffer.toString('utf8', 0, bytesRead).trim()
}
