import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { createDatabaseClient, type DatabaseClient } from '../../../src/database/client.ts'
import { createPartitions } from '../../../src/database/partitions.ts'
import { recordMessages } from '../../../src/database/record-messages.ts'
import { createFailureStore } from '../../../src/database/repositories/failure-store.ts'
import { createSlowWork } from '../../../src/database/slow-work.ts'
import { createTestDatabase } from '../../support/database.ts'
import { newFailed, newRecord, newRetrying, newTenantId } from './fixtures.ts'

const rowCount = 100_000
const tenantCount = 40

const insertTenants = `
insert into tenants (id, name, status, workers)
select gen_random_uuid(), 'tenant ' || n, 'active', 1 from generate_series(1, ${tenantCount}) as n`

// Of ten rows seven are resolved, two pending, half of those due, and one is permanently failed.
const insertRows = `
insert into failed_messages (
  tenant_id, id, type, priority, body, status, attempts, first_attempt, retry_order, retry_count, next_retry_at,
  error_class, error, fingerprint, history, created_at, failed_at, updated_at, closed_at)
select t.id, gen_random_uuid(), 'order.created', 0, convert_to(repeat('x', 250), 'utf8'),
       case when n % 10 < 7 then 'resolved' when n % 10 < 9 then 'pending' else 'permanently_failed' end,
       1, 1, case when n % 4 = 0 then 'latest' else 'oldest' end, 0,
       case when n % 10 in (7, 8) then now() + (n % 1000 - 500) * interval '1 minute' end,
       'TypeError', 'not there', 'kind ' || n % 50, '[]', now() - n * interval '1 second', now() - n * interval '1 second', now(),
       case when n % 10 not in (7, 8) then now() end
from generate_series(1, ${rowCount}) as n
join (select id, row_number() over (order by id) as place from tenants) t on t.place = n % ${tenantCount} + 1`

describe('statements about failed messages', () => {
  it(`never read all of ${rowCount} rows`, async () => {
    await using database = await createTestDatabase()
    const client = createDatabaseClient({
      url: database.url,
      schema: 'public',
      poolSize: 2,
      statementTimeoutMs: 60_000,
      onError: () => undefined,
    })
    try {
      await database.query(insertTenants)
      await database.query(insertRows)
      await database.query('vacuum analyze failed_messages')
      await database.query('analyze tenants')
      const { explaining, plans } = explain(client)
      await useAll(explaining, createPartitions(client).ensure)
      expect(plans.length).to.be.greaterThan(15)
      for (const plan of plans) expect(plan).not.to.match(/Seq Scan on failed_messages/)
    } finally {
      await client.close()
    }
  }).timeout(120_000)

  it('find each row by its key before the table has statistics', async () => {
    await using database = await createTestDatabase()
    const client = createDatabaseClient({
      url: database.url,
      schema: 'public',
      poolSize: 2,
      statementTimeoutMs: 60_000,
      onError: () => undefined,
    })
    try {
      await database.query('alter table failed_messages set (autovacuum_enabled = false)')
      const tenantId = newTenantId()
      await database.query("insert into tenants (id, name, status, workers) values ($1, 'new', 'active', 1)", [tenantId])
      await createPartitions(client).ensure(tenantId)
      const records = Array.from({ length: 3_000 }, (_, index) =>
        newRecord(tenantId, { settlement: index % 2 === 0 ? newFailed(1) : newRetrying(1) }),
      )
      for (let from = 0; from < records.length; from += 500) await recordMessages(client.run, records.slice(from, from + 500))
      const { explaining, plans } = explain(client)
      const store = createFailureStore(explaining, explaining, createSlowWork(client))
      const last = (lines: number) => plans.splice(-lines).join('\n')

      // What is meant is looked for once; under the locks each row is looked at by its key.
      await store.retry(tenantId, { ids: records.map(({ id }) => id) })
      const command = last(1).split('CTE locked')[1] ?? ''
      expect(command).to.match(/using failed_messages_pkey on failed_messages/)
      expect(command).not.to.match(otherIndex)
      await store.discard(tenantId, { ids: records.slice(0, 100).map(({ id }) => id) })
      expect(last(1).split('CTE locked')[1]).not.to.match(otherIndex)

      const { claimed } = await store.claimDue({ limit: 300, maxInQueue: 500, leaseMs: 60_000 })
      expect(claimed).to.have.length(300)
      plans.length = 0
      await store.republished(claimed.slice(0, 100))
      await store.giveBack(claimed.slice(100, 200), 1_000)
      for (const claim of claimed.slice(200, 202)) await store.giveUp(claim, 'no')
      const outcomes = claimed.slice(0, 100).map(({ message }) => newRecord(tenantId, { id: message.id, attempt: message.attempt }))
      await recordMessages(explaining.run, outcomes)
      expect(plans).to.have.length(5)
      for (const plan of plans) {
        expect(plan).to.match(/using failed_messages_pkey on failed_messages/)
        expect(plan).not.to.match(otherIndex)
      }
      expect((await store.stats(tenantId)).byStatus).to.include({ resolved: 100, permanently_failed: 2 })
    } finally {
      await client.close()
    }
  }).timeout(120_000)
})

/** Any way to rows of failed messages but their key and their place in the table. */
const otherIndex = /failed_messages_(?!pkey)\w+_idx|Seq Scan on failed_messages/

/** The same client, which asks for the plan of each statement before it runs it. */
function explain(client: DatabaseClient) {
  const plans: string[] = []
  const run: DatabaseClient['run'] = async (text, values) => {
    const plan = await client.run(`explain ${text}`, values)
    plans.push(`${text}\n${plan.map((row) => row['QUERY PLAN']).join('\n')}`)
    return client.run(text, values)
  }
  const rows: DatabaseClient['rows'] = async (query) => {
    const { sql, parameters } = query.compile()
    return (await run(sql, parameters)) as never
  }
  return { explaining: { ...client, run, rows }, plans }
}

async function useAll(client: DatabaseClient, ensurePartition: (tenantId: TenantId) => Promise<void>): Promise<void> {
  const store = createFailureStore(client, client, createSlowWork(client))
  const { claimed } = await store.claimDue({ limit: 200, maxInQueue: 500, leaseMs: 60_000 })
  expect(claimed).to.have.length(200)
  const [first, second, ...others] = claimed
  if (first === undefined || second === undefined) throw new Error('nothing was claimed')
  const tenantId: TenantId = first.failed.tenantId
  await store.republished(others.slice(0, 100))
  await store.giveBack(others.slice(100), 1_000)
  await store.giveUp(second, 'no')
  await store.overdue(0)
  await store.recover(tenantId, 0)
  await store.claimDue({ limit: 200, maxInQueue: 500, leaseMs: 60_000 })
  await store.find(tenantId, first.failed.id)
  const page = await store.list({ tenantId, limit: 50 })
  if (page.next !== undefined) await store.list({ tenantId, limit: 50, after: page.next })
  await store.list({ tenantId, limit: 50, statuses: ['pending'], type: 'order.created', error: 'there' })
  await store.count(tenantId, { statuses: ['permanently_failed'] })
  await store.stats(tenantId)
  await store.pending(tenantId)
  await store.retry(tenantId, { ids: [first.failed.id] })
  await store.retry(tenantId, { statuses: ['permanently_failed'] })
  await store.discard(tenantId, { fingerprint: 'kind 9' })
  const letter = { tenantId, id: undefined, type: undefined, priority: 0, key: null, createdAtMs: Date.now(), attempt: 1 } as const
  await store.recordDeadLetter({ ...letter, body: Buffer.from('x'), reason: 'undecodable', detail: 'no type', redelivered: true })
  await ensurePartition(tenantId)
  const records = Array.from({ length: 100 }, (_, index) =>
    newRecord(tenantId, { attempt: 2, settlement: index % 2 ? newFailed(2) : newRetrying(2) }),
  )
  await recordMessages(client.run, [...records, newRecord(tenantId, { attempt: 2 })])
}
