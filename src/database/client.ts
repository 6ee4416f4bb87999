/** Runs statements: the pool for everyday work, a small one for changes of the schema, and the mapping of their errors. */
import { type Compilable, DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type pg from 'pg'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'
import { isConnectionIntact, toDatabaseError } from './errors.ts'
import { everydaySettings, openPool, type PoolOptions } from './pool.ts'
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
  /**
   * Runs `work` on one connection without a limit for statements and with a short one for locks, outside a transaction. A
   * statement that has not answered after `answerMs` (a minute when undefined) is given up as lost.
   */
  alone<T>(work: (run: RunStatement) => Promise<T>, answerMs?: number): Promise<T>
  /** The same in a transaction; when it resolves, the transaction has committed. */
  transaction<T>(work: (run: RunStatement) => Promise<T>): Promise<T>
  /** Tolerates twice. */
  close(): Promise<void>
}

/** What a store needs to run its statements. */
export type Statements = Pick<DatabaseClient, 'run' | 'rows'>

const lockTimeoutMs = 2_000
const changesPoolSize = 2
const changesWaitMs = 60_000
const changesAnswerMs = 60_000

export function createDatabaseClient(options: PoolOptions): DatabaseClient {
  const pool = openPool(options, everydaySettings(options, 'tenantry'))
  const changes = openPool(options, {
    ...connectionSettings(options, 'tenantry-schema'),
    max: changesPoolSize,
    lock_timeout: lockTimeoutMs,
    connectionTimeoutMillis: changesWaitMs,
  })
  let closed: Promise<void> | undefined
  return {
    target: { url: options.url, schema: options.schema },
    pool,
    ...toStatements((text, values) => withConnection(pool, (statement) => statement(text, values))),
    alone: (work, answerMs = changesAnswerMs) => withConnection(changes, work, answerMs),
    transaction: (work) => withConnection(changes, (statement) => inTransaction(statement, work), changesAnswerMs),
    close: () => {
      closed ??= Promise.all([pool.end(), changes.end()]).then(() => undefined)
      return closed
    },
  }
}

/** A way to run statements, with the one for built statements beside it. */
export function toStatements(run: RunStatement): Statements {
  return {
    run,
    rows: async <T>(query: Compilable<T>) => {
      const { sql, parameters } = query.compile()
      return (await run(sql, parameters)) as unknown as T[]
    },
  }
}

async function withConnection<T>(pool: pg.Pool, work: (run: RunStatement) => Promise<T>, answerMs?: number): Promise<T> {
  const connection = await pool.connect().catch((error: unknown) => {
    throw toDatabaseError(error)
  })
  const limit = answerMs === undefined ? {} : { query_timeout: answerMs }
  let intact = true
  try {
    return await work(async (text, values) => {
      try {
        const result = await connection.query<Row>({ ...limit, text, values: values as unknown[] })
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
