import { expect } from 'chai'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import { toStatements } from '../../../src/database/client.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import { createFailureStore } from '../../../src/database/repositories/failure-store.ts'
import { createIdempotencyStore } from '../../../src/database/repositories/idempotency-store.ts'
import { createMessageStore } from '../../../src/database/repositories/message-store.ts'
import { createScheduleStore } from '../../../src/database/repositories/schedule-store.ts'
import { createSlowWork } from '../../../src/database/slow-work.ts'
import { createTenantClient, type TenantClient } from '../../../src/database/tenant-client.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newTenant } from './fixtures.ts'

const rowsEach = 5_000
const fills = [
  `insert into messages (tenant_id, id, type, priority, status, attempts, created_at)
   select t.id, gen_random_uuid(), 't', 0, 'processed', 1, now() - n * interval '1 second'
   from generate_series(1, ${rowsEach}) n, tenants t`,
  `insert into failed_messages (
     tenant_id, id, type, priority, body, status, attempts, first_attempt, retry_order, retry_count, error_class, error, fingerprint, history,
     created_at, failed_at, updated_at, closed_at)
   select t.id, gen_random_uuid(), 't', 0, '\\x00', case n % 2 when 0 then 'resolved' else 'permanently_failed' end, 1, 1, 'oldest', 0, 'E', 'e',
     'f', '[]', now() - n * interval '1 second', now(), now(), now()
   from generate_series(1, ${rowsEach}) n, tenants t`,
  `insert into scheduled_messages (tenant_id, id, type, body, priority, created_at, scheduled_at, release_at)
   select t.id, gen_random_uuid(), 't', '1', 0, now(), now() + n * interval '1 second', now() + n * interval '1 second'
   from generate_series(1, ${rowsEach}) n, tenants t`,
  `insert into idempotency_keys (tenant_id, key, digest, ids, leased_until, expires_at)
   select t.id, n::text, 'd', '{}', now(), now() + interval '1 day' from generate_series(1, ${rowsEach}) n, tenants t`,
  'analyze messages, failed_messages, scheduled_messages, idempotency_keys',
]
const wholeTable = /Seq Scan on (messages|failed_messages|scheduled_messages|idempotency_keys)/

describe('statements that requests run as one tenant', () => {
  let database: TestDatabase
  let tenantClient: TenantClient
  let own: TenantId
  let others: readonly TenantId[]

  before(async () => {
    database = await createTestDatabase()
    const node = await database.open()
    own = (await node.tenants.create(newTenant())).id
    others = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())].map(({ id }) => id)
    for (const fill of fills) await database.query(fill)
    const [role] = await database.query<{ name: string; password: string }>('select name, password from tenant_role')
    const url = new URL(database.url)
    url.username = String(role?.name)
    url.password = String(role?.password)
    tenantClient = createTenantClient({ url: url.href, schema: 'public', poolSize: 1, statementTimeoutMs: 5_000, onError: () => undefined })
  })
  after(async () => {
    await tenantClient.close()
    await database[Symbol.asyncDispose]()
  })

  const explain = (how: string, plans: string[]) =>
    toStatements(async (text, values) => {
      const plan = await tenantClient.runAs(own, `explain (${how}) ${text}`, values)
      plans.push(`${text}\n${plan.map((row) => row['QUERY PLAN']).join('\n')}`)
      return tenantClient.runAs(own, text, values)
    })

  const idIn = async (table: string) => {
    const [row] = await database.query<{ id: MessageId }>(`select id from ${table} where tenant_id = $1 limit 1`, [own])
    return row?.id ?? ('' as MessageId)
  }

  it('use the same indexes as the service does, and of messages one partition', async () => {
    const plans: string[] = []
    const explaining = explain('costs off', plans)
    const slowWork = createSlowWork({ pool: { options: { max: 4 } } as Parameters<typeof createSlowWork>[0]['pool'] })
    const messages = createMessageStore(explaining, explaining, slowWork)
    await messages.find(own, await idIn('messages'))
    const page = await messages.list({ tenantId: own, limit: 50 })
    if (page.next === undefined) throw new Error('there is no next page')
    await messages.list({ tenantId: own, limit: 50, after: page.next })
    expect(plans).to.have.length(3)
    for (const plan of plans) {
      expect(plan).to.contain(partitionName(own))
      for (const other of others) expect(plan).not.to.contain(partitionName(other))
    }
    const failures = createFailureStore(explaining, explaining, slowWork)
    const failedId = await idIn('failed_messages')
    await failures.find(own, failedId)
    const failed = await failures.list({ tenantId: own, limit: 50 })
    if (failed.next === undefined) throw new Error('there is no next page')
    await failures.list({ tenantId: own, limit: 50, after: failed.next })
    await failures.count(own, { statuses: ['pending'] })
    await failures.retry(own, { ids: [failedId] })
    await failures.discard(own, { ids: [failedId] })
    const schedules = createScheduleStore(explaining, explaining, slowWork)
    await schedules.find(own, await idIn('scheduled_messages'))
    const scheduled = await schedules.list({ tenantId: own, limit: 50 })
    if (scheduled.next === undefined) throw new Error('there is no next page')
    await schedules.list({ tenantId: own, limit: 50, after: scheduled.next })
    await schedules.cancel(own, await idIn('scheduled_messages'))
    const idempotency = createIdempotencyStore(explaining)
    await idempotency.begin({ tenantId: own, key: '7', digest: 'd', ids: [] }, 1_000, 1_000)
    await idempotency.finish(own, '7')
    await idempotency.release(own, '7')
    expect(plans).to.have.length(16)
    for (const plan of plans) expect(plan).not.to.match(wholeTable)
  })

  it('read nothing of other partitions even when they have forgotten to say whose rows they want', async () => {
    const plans: string[] = []
    await explain('analyze, costs off, timing off, summary off', plans).run('select * from messages where id = $1', [
      await idIn('messages'),
    ])
    const read = String(plans[0])
      .split('\n')
      .filter((line) => /Scan .*on messages_/.test(line) && !line.includes('never executed'))
    expect(read).to.have.length(1)
    expect(read[0]).to.match(/Index Scan/)
    expect(read[0]).to.contain(partitionName(own))
  })
})
