/** A copy of the embedded database's files that a server can be started on: of a running server, or of one that is not running. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { AppError, errorText } from '../../core/errors.ts'
import { clusterDirOf, databaseName, superuserName } from './cluster.ts'
import { endServersIn } from './leftover.ts'
import { lockDataDir } from './lock.ts'
import { copyWal, requireContiguous } from './wal-copy.ts'

export interface CopiedCluster {
  /** Whether the server ran, and wrote, meanwhile. */
  readonly kind: 'hot' | 'cold'
  /** The major version: `18`. */
  readonly postgres: string
}

/** Emptied by every server that starts, or worth nothing to another one. */
const emptied = ['pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans']
const leftOut = /^(postmaster\.(pid|opts)|(backup_label|tablespace_map)(\.old)?|pg_internal\.init.*|pgsql_tmp.*|.*\.tmp)$/
const controlFile = 'global/pg_control'

/**
 * Copies the cluster of the data directory into `target`, which must not exist. A server that runs goes on serving: what was committed
 * before the call is in the copy, and what is committed meanwhile may be. One that does not run is kept from starting.
 *
 * Errors: `embedded.failed`, also when there is no cluster, or the server ends meanwhile; `target` may then hold a part.
 */
export async function copyCluster(dataDir: string, target: string): Promise<CopiedCluster> {
  const source = clusterDirOf(dataDir)
  const postgres = await readFile(join(source, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (postgres === undefined) throw new AppError('embedded.failed', `there is no embedded database in ${dataDir}`)
  try {
    const lock = await lockUnlessRunning(dataDir)
    if (lock === undefined) {
      await copyRunning(dataDir, source, target)
      return { kind: 'hot', postgres: postgres.trim() }
    }
    try {
      // A server that outlived its node ends first: nobody may write while the files are copied.
      await endServersIn(source)
      await copyTree(source, target, emptied)
      await copySettled(source, target)
    } finally {
      await lock.release()
    }
    return { kind: 'cold', postgres: postgres.trim() }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('embedded.failed', `the database in ${dataDir} could not be copied: ${errorText(error)}`, { cause: error })
  }
}

async function lockUnlessRunning(dataDir: string) {
  try {
    return await lockDataDir(dataDir)
  } catch (error) {
    if (error instanceof AppError && error.code === 'embedded.in_use') return undefined
    throw error
  }
}

/**
 * As PostgreSQL's manual has it for a backup by the low-level API: begin, copy the files while they change, end; then the log that
 * makes them one moment, and the label that tells a server to replay it. A slot keeps that log from being recycled meanwhile.
 */
async function copyRunning(dataDir: string, source: string, target: string): Promise<void> {
  const client = await connect(dataDir, source)
  try {
    await client.query("select pg_create_physical_replication_slot('tenantry_backup_' || pg_backend_pid(), true, true)")
    const first = await ask<{ file: string }>(client, "select pg_walfile_name(pg_backup_start('tenantry', fast => true)) as file")
    await copyTree(source, target, [...emptied, 'pg_wal'])
    await copySettled(source, target)
    const end = await ask<{ file: string; label: string; tablespaces: string }>(
      client,
      `select pg_walfile_name(lsn) as file, labelfile as label, coalesce(spcmapfile, '') as tablespaces
         from pg_backup_stop(wait_for_archive => false)`,
    )
    if (end.tablespaces.trim() !== '') throw new Error('it has tablespaces outside of its directory')
    requireContiguous(await copyWal(source, target, first.file, end.file), first.file, end.file)
    await writeFile(join(target, 'backup_label'), end.label, { mode: 0o600 })
  } finally {
    await client.end().catch(() => {})
  }
}

async function connect(dataDir: string, source: string): Promise<pg.Client> {
  const pidFile = await readFile(join(source, 'postmaster.pid'), 'utf8').catch(() => '')
  const port = Number(pidFile.split('\n')[3])
  const password = (await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim()
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: superuserName,
    password,
    database: databaseName,
    ssl: false,
    connectionTimeoutMillis: 5_000,
  })
  // A server that ends between two statements is found by the next one.
  client.on('error', () => {})
  try {
    if (!(port > 0)) throw new Error('its server is starting or stopping')
    await client.connect()
  } catch (error) {
    throw new AppError('embedded.failed', `${dataDir} is in use, and its database does not answer: ${errorText(error)}`, { cause: error })
  }
  return client
}

async function ask<Row extends object>(client: pg.Client, statement: string): Promise<Row> {
  const [row] = (await client.query(statement)).rows
  return row as Row
}

/** Copies all that may be copied in any order; the directories in `hollow` without what is in them. */
async function copyTree(source: string, target: string, hollow: readonly string[], below = ''): Promise<void> {
  await mkdir(join(target, below), { mode: 0o700, recursive: true })
  for (const entry of await readdir(join(source, below), { withFileTypes: true }).catch(ifGone([]))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (leftOut.test(entry.name) || path === controlFile) continue
    if (entry.isFile()) await copyFile(join(source, path), join(target, path)).catch(ifGone(undefined))
    else if (!entry.isDirectory()) throw new Error(`${path} is neither a file nor a directory`)
    else if (hollow.includes(path)) await mkdir(join(target, path), { mode: 0o700 })
    else await copyTree(source, target, hollow, path)
  }
}

/** The control file goes last, and is read until two readings agree: one may come in the middle of a write. */
async function copySettled(source: string, target: string): Promise<void> {
  let before = await readFile(join(source, controlFile))
  for (;;) {
    const now = await readFile(join(source, controlFile))
    if (now.equals(before)) return writeFile(join(target, controlFile), now, { mode: 0o600 })
    before = now
  }
}

/** A file that the server has removed since the directory was read is not needed: the log says that it went. */
const ifGone =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return instead
    throw error
  }
