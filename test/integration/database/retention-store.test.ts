import { expect } from 'chai'
import pg from 'pg'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Database } from '../../../src/database/index.ts'
import { endOfRead, maxReadRows, removal } from '../../../src/database/remove-old-messages.ts'
import { auditRemoval, failureRemoval, keyRemoval } from '../../../src/database/repositories/retention-store.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { newFailed, newRecord, newTenant, newTenantId } from './fixtures.ts'

const minuteMs = 60_000
const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
const nilId = '00000000-0000-0000-0000-000000000000'

describe('the retention store', () => {
  let database: TestDatabase
  let node: Database
  let other: Database
  let tenantId: TenantId
  let template: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
    template = (await node.tenants.create(newTenant())).id
    await node.messages.record([newRecord(template, { settlement: newFailed(1) })])
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    tenantId = (await node.tenants.create(newTenant())).id
  })

  /** Messages of which the first is `oldestMinutes` old and each other a second younger than the one before. */
  const addMessages = (status: string, count: number, oldestMinutes: number, of = tenantId) =>
    database.query(
      `insert into messages (tenant_id, id, type, data, priority, status, attempts, created_at)
       select $1, gen_random_uuid(), 'a', '{}', 0, $2, 1, now() - $4 * interval '1 minute' + n * interval '1 millisecond' from generate_series(1, $3) n`,
      [of, status, count, oldestMinutes],
    )

  /** Copies of one failed message with the status, and the time of it, that they are given. */
  async function addFailures(status: string, count: number, minutes: number): Promise<void> {
    const timeOfStatus = { pending: 'next_retry_at', retried: 'retried_at' }[status] ?? 'closed_at'
    await database.query(
      `insert into failed_messages select copy.*
       from failed_messages f, (select gen_random_uuid() as id from generate_series(1, $6)) new, jsonb_populate_record(f, jsonb_build_object(
         'tenant_id', $1::uuid, 'id', new.id, 'status', $2::text, 'closed_at', null, $3::text, now() - $4 * interval '1 minute')) copy
       where f.tenant_id = $5`,
      [tenantId, status, timeOfStatus, minutes, template, count],
    )
  }

  const countByStatus = async (table: string, of = tenantId) => {
    const rows = await database.query<{ status: string; n: number }>(
      `select status, count(*)::int as n from ${table} where tenant_id = $1 group by status`,
      [of],
    )
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]))
  }

  const explain = async (text: string, values: readonly unknown[]) =>
    (await database.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values])).map((row) => row['QUERY PLAN']).join('\n')

  describe('messages', () => {
    it('go when they are old, whether processed or failed, at most so many in a call; those being retried stay', async () => {
      const neighbor = (await node.tenants.create(newTenant())).id
      await addMessages('processed', 5, 10)
      await addMessages('failed', 4, 9)
      await addMessages('retrying', 3, 20)
      await addMessages('processed', 2, 1)
      await addMessages('processed', 2, 10, neighbor)
      const remove = () => node.retention.removeMessages(tenantId, 5 * minuteMs, 4)
      expect([await remove(), await remove(), await remove(), await remove()]).to.deep.equal([4, 4, 1, 0])
      expect(await countByStatus('messages')).to.deep.equal({ processed: 2, retrying: 3 })
      expect(await countByStatus('messages', neighbor)).to.deep.equal({ processed: 2 })
    })

    it('go from behind any number that stay, and those that stayed go when they have an outcome', async () => {
      await addMessages('retrying', 2 * maxReadRows + 10, 30)
      await addMessages('processed', 5, 10)
      const remove = () => node.retention.removeMessages(tenantId, 5 * minuteMs, 2)
      expect([await remove(), await remove(), await remove()]).to.deep.equal([2, 2, 1])
      expect(await countByStatus('messages')).to.deep.equal({ retrying: 2 * maxReadRows + 10 })
      const ended = 'select id from messages where tenant_id = $1 order by created_at limit 3'
      await database.query(`update messages set status = 'processed' where tenant_id = $1 and id in (${ended})`, [tenantId])
      expect([await remove(), await remove()]).to.deep.equal([2, 1])
    })

    it('of a tenant without a partition are none', async () => {
      expect(await node.retention.removeMessages(newTenantId(), minuteMs, 10)).to.equal(0)
    })

    it('stay when they are retried while they are removed', async () => {
      await addMessages('failed', 1, 10)
      const operator = new pg.Client({ connectionString: database.url })
      operator.on('error', () => undefined)
      await operator.connect()
      await operator.query('begin')
      await operator.query("update messages set status = 'retrying' where tenant_id = $1", [tenantId])
      const removing = node.retention.removeMessages(tenantId, minuteMs, 10)
      await eventually(async () => (await database.query(waiting)).length > 0)
      await operator.query('commit')
      await operator.end()
      expect(await removing).to.equal(0)
      expect(await countByStatus('messages')).to.deep.equal({ retrying: 1 })
    })

    it('are found by an index', async () => {
      await addMessages('processed', 50_000, 60)
      await addMessages('retrying', 1_000, 70)
      await database.query('analyze messages')
      const place = [tenantId, minuteMs, '0', nilId]
      for (const plan of [await explain(removal, [...place, 5_000]), await explain(endOfRead, place)]) {
        expect(plan).to.match(/Index (Only )?Scan Backward using \w+_created_at_id_idx/)
        expect(plan).not.to.match(/Seq Scan on messages|Sort Key: messages/)
      }
    })
  })

  describe('failed messages', () => {
    it('go when they were closed long ago, at most so many in a call; those that wait or are being retried stay', async () => {
      for (const status of ['resolved', 'permanently_failed', 'discarded', 'pending', 'retried']) await addFailures(status, 2, 10)
      await addFailures('resolved', 1, 1)
      const remove = () => node.retention.removeFailures(tenantId, 5 * minuteMs, 4)
      expect([await remove(), await remove(), await remove()]).to.deep.equal([4, 2, 0])
      expect(await countByStatus('failed_messages')).to.deep.equal({ pending: 2, retried: 2, resolved: 1 })
    })

    it('are found by an index', async () => {
      await addFailures('resolved', 50_000, 10)
      await addFailures('pending', 1_000, 10)
      await database.query('analyze failed_messages')
      const plan = await explain(failureRemoval, [tenantId, minuteMs, 5_000])
      expect(plan).to.include('using failed_messages_closed_idx').and.not.to.include('Seq Scan on failed_messages')
    })
  })

  it('finds expired keys by an index', async () => {
    await database.query(
      `insert into idempotency_keys (tenant_id, key, digest, ids, leased_until, expires_at)
       select $1, n::text, 'd', '{}', now(), now() + (n - 20000) * interval '1 second' from generate_series(1, 50000) n`,
      [tenantId],
    )
    await database.query('analyze idempotency_keys')
    const plan = await explain(keyRemoval, [1_000])
    expect(plan).to.include('using idempotency_keys_expiry_idx').and.not.to.include('Seq Scan on idempotency_keys')
    expect(await node.retention.removeExpiredKeys(1_000)).to.equal(1_000)
  })

  it('removes old entries of the audit log, of every tenant and of none, oldest first, found by an index', async () => {
    await database.query(
      `insert into audit_log (id, at, tenant_id, doer_kind, action, address, request_id)
       select gen_random_uuid(), now() - n * interval '1 minute', case when n % 2 = 0 then $1::uuid end, 'admin', 'user.create', '::1', ''
       from generate_series(1, 20000) n`,
      [tenantId],
    )
    await database.query('analyze audit_log')
    const plan = await explain(auditRemoval, [minuteMs, 1_000])
    expect(plan).to.include('using audit_log_newest_idx').and.not.to.include('Seq Scan on audit_log')
    const remove = () => node.retention.removeAuditEntries(15 * minuteMs, 15_000)
    expect(await remove()).to.equal(15_000)
    const [left] = await database.query(
      `select count(*)::int as n, bool_and(at > now() - interval '5001 minutes') as newest from audit_log`,
    )
    expect(left).to.deep.equal({ n: 5_000, newest: true })
    expect([await remove(), await remove()]).to.deep.equal([4_986, 0])
  })

  it('lets one node at a time clean', async () => {
    const [gate, begun] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
    const cleaning = node.retention.whileAlone(() => {
      begun.resolve()
      return gate.promise
    })
    await begun.promise
    expect(await other.retention.whileAlone(async () => 'second')).to.equal(undefined)
    gate.resolve('first')
    expect(await cleaning).to.equal('first')
    expect(await other.retention.whileAlone(async () => 'second')).to.equal('second')
  })
})
