import { expect } from 'chai'
import pg from 'pg'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf } from './fixtures.ts'
import { createTenantWithRows, type TenantWithRows } from './tenants-rows.ts'

/** What many of a kind do to everybody else: they wait for a lock that the test holds, with the connections they have. */
describe('a crowd', () => {
  let database: TestDatabase
  let node: Database
  let a: TenantWithRows
  let b: TenantWithRows

  before(async () => {
    database = await createTestDatabase()
    node = await database.open({ poolSize: 6, statementTimeoutMs: 20_000 })
    a = await createTenantWithRows(database, node)
    b = await createTenantWithRows(database, node)
  })
  after(() => database[Symbol.asyncDispose]())

  /** While all calls wait for what `locking` has locked, `meanwhile` must come through. Returns how many had a connection. */
  async function holding(locking: string, call: () => Promise<unknown>, meanwhile: () => Promise<unknown>): Promise<number> {
    const holder = new pg.Client({ connectionString: database.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query(locking)
    let settled = 0
    const calls = Array.from({ length: 20 }, () =>
      codeOf(call()).then((code) => {
        settled += 1
        return code
      }),
    )
    const waiting = async () => {
      const rows = await database.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
      return rows.length > 0 && rows.length
    }
    await eventually(waiting)
    await meanwhile()
    const count = await eventually(waiting)
    expect(settled).to.equal(0)
    await holder.query('rollback')
    await holder.end()
    expect(new Set(await Promise.all(calls))).to.deep.equal(new Set([undefined]))
    return Number(count)
  }

  it('of one tenant’s requests leaves connections to the others', async () => {
    const count = await holding(
      `select from scheduled_messages where tenant_id = '${a.id}' for update`,
      () => node.asTenant(a.id, () => node.schedules.cancel(a.id, a.scheduledId)),
      async () => {
        expect(await node.asTenant(b.id, () => node.messages.find(b.id, b.messageId))).to.include({ id: b.messageId })
      },
    )
    expect(count).to.be.at.most(2)
  })

  for (const [name, table, call] of [
    ['API keys', 'api_keys', () => node.apiKeys.findByHash(Buffer.alloc(32))],
    ['sessions', 'sessions', () => node.sessions.state(a.id)],
    [
      'refresh tokens',
      'sessions',
      () => node.sessions.rotate(Buffer.alloc(32), Buffer.alloc(32, 1), 1_000, { address: '', userAgent: null }),
    ],
    ['usernames', 'users', () => node.users.findForLogin(a.id, 'nobody')],
    ['admins', 'admins', () => node.auth.findAdmin('nobody')],
  ] as const) {
    it(`of strangers with ${name} leaves connections to the ledger`, async () => {
      const count = await holding(`lock table ${table}`, call, () => node.messages.ping())
      expect(count).to.be.at.most(2)
    })
  }
})
