/** A PostgreSQL server of one's own, on the embedded one: ends with this process, even by SIGKILL. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../../src/database/embedded/index.ts'
import { pickPorts } from './ports.ts'

export interface PrivatePostgresOptions {
  readonly port?: number
  /** As in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface PrivatePostgres {
  /** As superuser; stays the same over restarts. */
  readonly url: string
  /** Orderly end, and the data is removed. Tolerates twice and a killed server. */
  stop(): Promise<void>
  /** Orderly end; the data stays. Tolerates twice and a killed server. */
  halt(): Promise<void>
  /** Ends it in order if it runs, then starts it on the same data and port. */
  restart(): Promise<void>
  /** SIGKILL to the server's first process; the others follow. Resolves when all have ended. */
  kill(): Promise<void>
}

/** Starts an empty server that listens on 127.0.0.1 only. Resolves when it answers. */
export async function startPrivatePostgres(options: PrivatePostgresOptions = {}): Promise<PrivatePostgres> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tenantry-postgres-'))
  const [anyPort] = await pickPorts(1)
  const port = `${options.port ?? anyPort}`
  const start = () => startEmbeddedPostgres({ dataDir, log: () => {}, settings: { ...options.settings, port } })
  let server = await start().catch((error: unknown) => {
    rmSync(dataDir, { recursive: true, force: true })
    throw error
  })
  return {
    url: server.url,
    stop: async () => {
      await server.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
    halt: () => server.stop(),
    restart: async () => {
      await server.stop()
      server = await start()
    },
    kill: async () => {
      const [pid] = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
      process.kill(Number(pid), 'SIGKILL')
      await server.exited
    },
  }
}
