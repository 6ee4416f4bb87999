/** A database of its own for a test, with the tables in it. */
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { type Database, type DatabaseOptions, migrateUp, openDatabase } from '../../src/database/index.ts'
import { tenantRoleName } from '../../src/database/tenant-role.ts'

const serverUrl = process.env.TENANTRY_TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  /** Opens the database as one more node. It is closed with the test database at the latest. */
  open(options?: Partial<DatabaseOptions>): Promise<Database>
  /** Runs a statement as a superuser on a connection of its own, without limits. */
  query<R extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<R[]>
}

/**
 * Makes a database that is dropped, with its roles and whoever is still connected, when it is disposed of. `migrated: false` leaves
 * it empty. `plainOwner` gives it to a role that may make roles and is no superuser, and `url` is that role's.
 */
export async function createTestDatabase({ migrated = true, plainOwner = false } = {}): Promise<TestDatabase> {
  const name = `tenantry_test_${randomBytes(8).toString('hex')}`
  // The migrations belong to whoever runs them, so an owner of its own runs them itself.
  const isCopy = migrated && !plainOwner
  await runOn(serverUrl, isCopy ? `create database ${name} template ${await findTemplate()}` : `create database ${name}`)
  const target = toUrl(name)
  const ownUrl = target.href
  if (plainOwner) {
    target.username = `${name}_owner`
    target.password = randomBytes(8).toString('hex')
    await runOn(serverUrl, `create role ${target.username} login createrole password '${target.password}'`)
    await runOn(serverUrl, `alter database ${name} owner to ${target.username}`)
  }
  const url = target.href
  const opened: Database[] = []
  if (migrated && !isCopy) await migrateUp({ url, schema: 'public' })
  return {
    url,
    async open(options = {}) {
      const database = await openDatabase({
        url,
        poolSize: 4,
        statementTimeoutMs: 5_000,
        nodeId: `node-${randomUUID()}`,
        role: 'all',
        peerKeys: [],
        onPeerError: () => undefined,
        onError: () => undefined,
        ...options,
      })
      opened.push(database)
      return database
    },
    query: (text, values) => runOn(ownUrl, text, values),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(opened.map((database) => database.close()))
      await runOn(serverUrl, `drop database if exists ${name} with (force)`)
      // Roles belong to the server. One of a test that was killed has the random name of its database in it, and harms nobody.
      await runOn(serverUrl, `drop role if exists ${tenantRoleName(name, 'public')}, ${name}_owner`)
    },
  }
}

let template: Promise<string> | undefined

/** A migrated database that is copied: much faster than to migrate each. One for this process. */
function findTemplate(): Promise<string> {
  template ??= makeTemplate()
  return template
}

async function makeTemplate(): Promise<string> {
  const name = `tenantry_template_${randomBytes(8).toString('hex')}`
  await runOn(serverUrl, `create database ${name}`)
  await migrateUp({ url: toUrl(name).href, schema: 'public' })
  return name
}

/** When the tests have ended. */
export async function dropTemplate(): Promise<void> {
  if (template !== undefined) await runOn(serverUrl, `drop database if exists ${await template} with (force)`)
  template = undefined
}

function toUrl(name: string): URL {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url
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
