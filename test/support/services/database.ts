/** Finds or starts the PostgreSQL server that the tests of one run share. */
import { startPrivatePostgres } from './private-postgres.ts'
import { foundService, type Service } from './service.ts'

/** The server of TENANTRY_TEST_DATABASE_URL when it is set, otherwise an embedded one in a temporary folder. */
export async function provideDatabase(): Promise<Service> {
  const url = process.env.TENANTRY_TEST_DATABASE_URL
  if (url) return foundService(url, 'the server of TENANTRY_TEST_DATABASE_URL')
  // Nobody keeps what the tests write: durability only costs time.
  const server = await startPrivatePostgres({
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
  })
  return { url: server.url, description: 'an embedded PostgreSQL in a temporary folder', stop: server.stop }
}
