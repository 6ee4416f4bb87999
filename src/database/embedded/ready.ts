/** When the server is ready: it lets us in, and the database exists. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { AppError, errorText } from '../../core/errors.ts'
import { databaseName, superuserName } from './cluster.ts'

export interface ReadyOptions {
  readonly port: number
  readonly password: string
  /** Resolves when the server has ended; waiting is then over. */
  readonly exited: Promise<{ readonly reason: string }>
  /** How long crash recovery may take. */
  readonly limitMs: number
}

const refusalLimitMs = 2_000

/**
 * Waits until the server answers, and creates the database when it is missing.
 *
 * Errors: `embedded.failed` when the server ends first, does not answer within `limitMs`, or does not accept the password.
 */
export async function waitUntilReady(options: ReadyOptions): Promise<void> {
  let ended: string | undefined
  void options.exited.then(({ reason }) => {
    ended = reason
  })
  const deadline = performance.now() + options.limitMs
  let refusedAt: number | undefined
  for (;;) {
    const answer = await connect(options, databaseName)
    if (answer === 'ready') return
    if (answer.code === '3D000') return createDatabase(options)
    if (ended !== undefined) throw new AppError('embedded.failed', ended)
    // At first this may be another server, which took the port: ours then ends at once.
    if (answer.code === '28P01') refusedAt ??= performance.now()
    if (refusedAt !== undefined && performance.now() - refusedAt > refusalLimitMs) {
      throw new AppError('embedded.failed', 'PostgreSQL does not accept the password in <data directory>/postgres-password')
    }
    if (performance.now() > deadline) {
      throw new AppError('embedded.failed', `PostgreSQL does not answer after ${options.limitMs} ms: ${errorText(answer)}`)
    }
    await delay(10)
  }
}

async function connect(options: ReadyOptions, database: string, statement?: string): Promise<'ready' | (Error & { code?: string })> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: options.port,
    user: superuserName,
    password: options.password,
    database,
    ssl: false,
    connectionTimeoutMillis: 2_000,
  })
  // A connection that breaks between two awaits must not become an unhandled event.
  client.on('error', () => {})
  try {
    await client.connect()
    if (statement !== undefined) await client.query(statement)
    return 'ready'
  } catch (error) {
    return error as Error & { code?: string }
  } finally {
    await client.end().catch(() => {})
  }
}

async function createDatabase(options: ReadyOptions): Promise<void> {
  const answer = await connect(options, 'postgres', `create database ${databaseName}`)
  if (answer !== 'ready')
    throw new AppError('embedded.failed', `the database could not be created: ${errorText(answer)}`, { cause: answer })
}
