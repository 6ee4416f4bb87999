import { expect } from 'chai'
import pg from 'pg'
import { startPrivatePostgres } from '../../support/services/private-postgres.ts'

describe('startPrivatePostgres', function () {
  this.timeout(60_000)

  it('keeps its data and its address when it is restarted and when it is killed', async () => {
    const server = await startPrivatePostgres()
    try {
      await query(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
      await server.restart()
      expect(await query(server.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 42 }])
      await server.kill()
      await query(server.url, 'SELECT 1').then(
        () => expect.fail('the killed server answers'),
        () => {},
      )
      await server.restart()
      expect(await query(server.url, 'SELECT answer FROM kept')).to.deep.equal([{ answer: 42 }])
    } finally {
      await server.stop()
      await server.stop()
    }
  })
})

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
