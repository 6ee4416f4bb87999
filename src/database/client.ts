/** Runs statements: the pool for everyday work, a small one for changes of the schema, and the mapping of their errors. */
import { type Compilable, DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import pg from 'pg'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'
import { isConnectionIntact, toDatabaseError } from './errors.ts'
import type { Schema } from './schema.ts'

/** Builds statements with their types; it is not connected. `DatabaseClient.rows` runs them. */
export const statements = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

export type Row = Readonly<Record<string, unknown>>
export type RunStatement = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** Errors: AppError, as errors.ts maps them. */
export interface DatabaseClient {
  readonly target: ConnectionTarget
  readonly pool: pg.Pool
  /** Runs one autocommitted statement. Nothing is prepared by name. */
  readonly run: RunStatement
  /** The same, for a statement built with `statements`. */
  rows<T>(query: Compilable<T>): Promise<T[]>
  /** Runs `work` on one connection without a limit for statements and with a short one for locks, outside a transaction. */
  alone<T>(work: (run: RunStatement) => Promise<T>): Promise<T>
  /** The same in a transaction; when it resolves, the transaction has committed. */
  transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T>
  /** Tolerates twice. */
  close(): Promise<void>
}

export interface DatabaseClientOptions extends ConnectionTarget {
  readonly poolSize: number
  readonly statementTimeoutMs: number
  readonly onError: (error: Error) => void
}

const lockTimeoutMs = 2_000
const changesPoolSize = 2
const changesWaitMs = 60_000
const changesAnswerMs = 60_000
const maxLifetimeSeconds = 1_800
/** How much longer than the server the client waits before it gives a connection up as dead. */
const answerGraceMs = 5_000

export function createDatabaseClient(options: DatabaseClientOptions): DatabaseClient {
  const pool = openPool(options, {
    ...connectionSettings(options, 'tenantry'),
    max: options.poolSize,
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: Math.ceil(options.statementTimeoutMs / 2),
    query_timeout: options.statementTimeoutMs + answerGraceMs,
  })
  const changes = openPool(options, {
    ...connectionSettings(options, 'tenantry-schema'),
    max: changesPoolSize,
    lock_timeout: lockTimeoutMs,
    connectionTimeoutMillis: changesWaitMs,
    query_timeout: changesAnswerMs,
  })
  let closed: Promise<void> | undefined
  const run: RunStatement = (text, values) => withConnection(pool, (statement) => statement(text, values))
  return {
    target: { url: options.url, schema: options.schema },
    pool,
    run,
    rows: async <T>(query: Compilable<T>) => {
      const { sql, parameters } = query.compile()
      return (await run(sql, parameters)) as unknown as T[]
    },
    alone: (work) => withConnection(changes, work),
    transaction: (work) => withConnection(changes, (statement) => inTransaction(statement, work)),
    close: () => {
      closed ??= Promise.all([pool.end(), changes.end()]).then(() => undefined)
      return closed
    },
  }
}

function openPool(options: DatabaseClientOptions, config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ ...config, maxLifetimeSeconds })
  pool.on('error', options.onError)
  // A connection that breaks while it is lent out says so by an event as well; unheard, it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

async function withConnection<T>(pool: pg.Pool, work: (run: RunStatement) => Promise<T>): Promise<T> {
  const connection = await pool.connect().catch((error: unknown) => {
    throw toDatabaseError(error)
  })
  let intact = true
  try {
    return await work(async (text, values) => {
      try {
        const result = await connection.query<Row>(text, values as unknown[])
        // A transaction that failed answers COMMIT with success and the tag ROLLBACK.
        if (text === 'commit' && result.command !== 'COMMIT') throw new Error('the transaction was rolled back at commit')
        return result.rows
      } catch (error) {
        intact &&= isConnectionIntact(error)
        throw toDatabaseError(error)
      }
    })
  } finally {
    connection.release(!intact)
  }
}

async function inTransaction<T>(run: RunStatement, work: (run: RunStatement) => Promise<T>): Promise<T> {
  await run('begin')
  try {
    const result = await work(run)
    await run('commit')
    return result
  } catch (error) {
    // The rollback fails only with the connection, and then the server has rolled back by itself.
    await run('rollback').catch(() => undefined)
    throw error
  }
}
