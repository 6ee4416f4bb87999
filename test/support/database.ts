/** A database of its own for a test, with the tables in it. */
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Database, type DatabaseOptions, migrateUp, openDatabase } from '../../src/database/index.ts'

const serverUrl = process.env.TENANTRY_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Opens the database as one more node. It is closed with the test database at the latest. */
  open(options?: Partial<DatabaseOptions>): Promise<Database>
  /** Runs a statement on a connection of its own, without limits. */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>
}

/** Makes a database that is dropped, with whoever is still connected, when it is disposed of. `migrated: false` leaves it empty. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const name = `tenantry_test_${randomBytes(8).toString('hex')}`
  await runOn(serverUrl, `create database ${name}`)
  const target = new URL(serverUrl)
  target.pathname = `/${name}`
  const url = target.href
  const opened: Database[] = []
  if (migrated) await migrateUp({ url, schema: 'public' })
  return {
    url,
    async open(options = {}) {
      const database = await openDatabase({
        url,
        poolSize: 4,
        statementTimeoutMs: 5_000,
        nodeId: `node-${randomUUID()}`,
        role: 'all',
        onError: () => undefined,
        ...options,
      })
      opened.push(database)
      return database
    },
    query: (text, values) => runOn(url, text, values),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opened.map((database) => database.close()))
      await runOn(serverUrl, `drop database if exists ${name} with (force)`)
    },
  }
}

async function runOn<R extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<R>(text, values)).rows
  } finally {
    await client.end()
  }
}
