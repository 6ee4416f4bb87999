/** Backup and restore of an installation with a database of its own: pg_dump and pg_restore, which must be installed. */
import { spawn } from 'node:child_process'
import { open, rename, rm } from 'node:fs/promises'
import pg from 'pg'
import { AppError, errorText } from '../core/errors.ts'

/** Returns what was done, a sentence each. Errors: AppError. */
export async function backUpByDump(url: string, file: string): Promise<readonly string[]> {
  const { major, seesAllRows } = await inspectServer(url)
  await requireProgram('pg_dump', major)
  const draft = `${file}.part`
  const takenAt = new Date().toISOString()
  try {
    await (await open(draft, 'w', 0o600)).close()
    // An owner who is no superuser passes row-level security by a policy, and pg_dump wants to be told.
    const policies = seesAllRows ? [] : ['--enable-row-security']
    await run('pg_dump', ['--format=custom', `--file=${draft}`, ...policies], url)
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
  return [
    `${file} holds every row that was committed before ${takenAt}`,
    'it does not hold TENANTRY_SECRET, nor messages in the queues of RabbitMQ',
  ]
}

/** Into a database without tables. Errors: AppError; when pg_restore fails, a part may have been restored. */
export async function restoreDump(url: string, file: string): Promise<readonly string[]> {
  const { major, tables } = await inspectServer(url)
  if (tables > 0) {
    throw new AppError('config.invalid', `the database has ${tables} tables: a restore never overwrites; create an empty database for it`)
  }
  await requireProgram('pg_restore', major)
  // Owners and grants are those of the restoring user; the next start makes the role of requests and grants anew.
  await run('pg_restore', ['--exit-on-error', '--no-owner', '--no-privileges', '--no-comments', `--dbname=${databaseOf(url)}`, file], url)
  return ['the database is restored; start the nodes with the TENANTRY_SECRET that they had']
}

interface ServerFacts {
  readonly major: number
  readonly seesAllRows: boolean
  readonly tables: number
}

async function inspectServer(url: string): Promise<ServerFacts> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<ServerFacts>(
      `select current_setting('server_version_num')::int / 10000 as major,
              (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as "seesAllRows",
              (select count(*)::int from pg_tables where schemaname not in ('pg_catalog', 'information_schema')) as tables`,
    )
    return rows[0] as ServerFacts
  } catch (error) {
    throw new AppError('database.unavailable', `the database does not answer: ${errorText(error)}`, { cause: error })
  } finally {
    await client.end().catch(() => {})
  }
}

async function requireProgram(name: string, serverMajor: number): Promise<void> {
  const wanted = `install the client programs of PostgreSQL ${serverMajor} or newer, or use your database's own means of backup`
  const answer = await output(name, ['--version'], {}).catch(() => undefined)
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(answer ?? '')?.[1])
  if (!(major > 0)) throw new AppError('config.invalid', `${name} is not installed: ${wanted}`)
  if (major < serverMajor)
    throw new AppError('config.invalid', `${name} is of PostgreSQL ${major}, the server of ${serverMajor}: ${wanted}`)
}

async function run(name: string, args: readonly string[], url: string): Promise<void> {
  try {
    await output(name, args, toEnvironment(url))
  } catch (error) {
    throw new AppError('database.unavailable', `${name} failed: ${errorText(error, 1_000)}`, { cause: error })
  }
}

/** In the environment, since anybody on the machine can read the arguments of a program. */
function toEnvironment(url: string): Readonly<Record<string, string>> {
  const { hostname, port, username, password, searchParams } = new URL(url)
  const mode = searchParams.get('sslmode')
  return {
    PGHOST: hostname.replaceAll(/^\[|\]$/g, ''),
    PGPORT: port || '5432',
    PGDATABASE: databaseOf(url),
    ...(username ? { PGUSER: decodeURIComponent(username) } : {}),
    ...(password ? { PGPASSWORD: decodeURIComponent(password) } : {}),
    ...(mode ? { PGSSLMODE: mode } : {}),
  }
}

function databaseOf(url: string): string {
  const { pathname, username } = new URL(url)
  return decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username)
}

/** What the program writes to standard output. Errors: Error with the end of what it wrote to standard error. */
function output(name: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { env: { PATH: process.env.PATH ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const text = { out: '', error: '' }
    child.stdout.on('data', (chunk) => {
      text.out += chunk
    })
    child.stderr.on('data', (chunk) => {
      text.error = `${text.error}${chunk}`.slice(-2_000)
    })
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(text.out) : reject(new Error(text.error.trim() || `exit code ${code}`))))
  })
}
