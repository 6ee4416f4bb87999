/** A database on a private server, and statements on it that do not go through a proxy. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'

export interface StageDatabase extends AsyncDisposable {
  readonly url: string
  query<Row extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Does `work` on a connection of its own; what it has begun is rolled back. */
  withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T>
}

/** Empty; dropped, with whoever is still connected, when it is disposed of. */
export async function createStageDatabase(serverUrl: string): Promise<StageDatabase> {
  const name = `tenantry_faults_${randomBytes(4).toString('hex')}`
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const withClient = async <T>(work: (client: pg.Client) => Promise<T>, connectionString = url.href): Promise<T> => {
    const client = new pg.Client({ connectionString })
    // The server may be killed at any moment; the call that waits for it is told.
    client.on('error', () => {})
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end().catch(() => {})
    }
  }
  await withClient((client) => client.query(`create database ${name}`), serverUrl)
  return {
    url: url.href,
    query: <Row extends Record<string, unknown>>(text: string, values?: unknown[]) =>
      withClient(async (client) => (await client.query<Row>(text, values)).rows),
    withClient,
    async [Symbol.asyncDispose]() {
      await withClient((client) => client.query(`drop database if exists ${name} with (force)`), serverUrl)
    },
  }
}
