/** How the server's files are made: whole, once, with a password that nobody chose. */
import { randomBytes, randomUUID } from 'node:crypto'
import { chmod, chown, lchown, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError, errorText } from '../../core/errors.ts'
import { mayEnter } from './account.ts'
import type { Binaries } from './binaries.ts'
import { endServersIn } from './leftover.ts'
import { hasProc } from './processes.ts'
import { type Account, run } from './run.ts'

export interface ClusterOptions {
  readonly dataDir: string
  readonly account: Account | undefined
  readonly binaries: Binaries
  readonly log: (line: string) => void
}

export interface Cluster {
  readonly dir: string
  /** The directory as the server names it, when started with `dir` as its working directory. */
  readonly dirForServer: string
  readonly password: string
}

export const databaseName = 'tenantry'
export const superuserName = 'tenantry'

/** Where the server's files are. */
export function clusterDirOf(dataDir: string): string {
  return join(dataDir, 'postgres')
}

/**
 * Answers the cluster in the data directory, creating it at the first start.
 *
 * A cluster is made under another name and renamed when it is complete, so a half-made one is never started: it is removed here.
 * Errors: `embedded.failed` when initdb fails, when the password file is lost, or when the account can reach the directory by no means.
 */
export async function prepareCluster(options: ClusterOptions): Promise<Cluster> {
  const { dataDir, account } = options
  const dir = clusterDirOf(dataDir)
  const passwordFile = join(dataDir, 'postgres-password')
  const dirForServer = await nameForServer(dataDir, account)
  await removeDrafts(dataDir)

  if (await isFile(join(dir, 'PG_VERSION'))) {
    if (account !== undefined) await adopt(dir, account)
    return { dir, dirForServer: dirForServer(dir), password: await readPassword(passwordFile, dir) }
  }
  const password = randomBytes(24).toString('base64url')
  await writeFile(passwordFile, password, { mode: 0o600, flush: true })
  await chmod(passwordFile, 0o600)
  const draft = `${dir}.tmp-${randomUUID()}`
  await mkdir(draft, { mode: 0o700 })
  if (account !== undefined) await chown(draft, account.uid, account.gid)
  await initialize(draft, dirForServer(draft), password, options)
  await rename(draft, dir)
  await flushDirectory(dataDir)
  return { dir, dirForServer: dirForServer(dir), password }
}

/**
 * An account that cannot pass the directories above can still work in one: a child enters its working directory before it
 * gives up root, and /proc/self/cwd leads there without passing the directories above.
 */
async function nameForServer(dataDir: string, account: Account | undefined): Promise<(dir: string) => string> {
  if (await mayEnter(dataDir, account)) return (dir) => dir
  if (hasProc) return () => '/proc/self/cwd'
  throw new AppError(
    'embedded.failed',
    `the PostgreSQL user (uid ${account?.uid}) cannot reach ${dataDir}: set DATA_DIR to a directory that it can reach, or set DATABASE_URL`,
  )
}

async function initialize(draft: string, nameOfDraft: string, password: string, { account, binaries, log }: ClusterOptions): Promise<void> {
  const startedAt = performance.now()
  const args = [
    `--pgdata=${nameOfDraft}`,
    `--username=${superuserName}`,
    '--pwfile=/dev/stdin',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The built-in provider needs no locale of the operating system.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ]
  // Through cat, because our end is a socket, which /dev/stdin cannot reopen.
  const script = 'cat | "$0" "$@"'
  const made = await run('/bin/sh', ['-c', script, binaries.initdb, ...args], {
    account,
    cwd: draft,
    timeoutMs: 120_000,
    input: `${password}\n`,
  })
  if (!made.ok) {
    await rm(draft, { recursive: true, force: true }).catch(() => {})
    throw new AppError('embedded.failed', `the embedded database could not be created: ${errorText(made.output.slice(-400))}`)
  }
  log(`the embedded database was created in ${Math.round(performance.now() - startedAt)} ms`)
}

// What an interrupted creation left; its processes may still be at it.
async function removeDrafts(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith('postgres.tmp-'))
  for (const name of names) {
    await endServersIn(join(dataDir, name))
    await rm(join(dataDir, name), { recursive: true, force: true, maxRetries: 5 })
  }
}

// Files that root brought here (a restored backup) become the server's.
async function adopt(dir: string, account: Account): Promise<void> {
  if ((await stat(dir)).uid === account.uid) return
  await chmod(dir, 0o700)
  const entries = await readdir(dir, { recursive: true })
  for (const entry of entries) await lchown(join(dir, entry), account.uid, account.gid)
  // The top last: its owner tells whether all of this was done.
  await chown(dir, account.uid, account.gid)
}

async function readPassword(file: string, clusterDir: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    throw new AppError('embedded.failed', `the password of the database in ${clusterDir} cannot be read: ${errorText(error)}`, {
      cause: error,
    })
  }
}

async function flushDirectory(directory: string): Promise<void> {
  await using handle = await open(directory)
  await handle.sync()
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  )
}
