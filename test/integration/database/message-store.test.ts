import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { MessagePosition, MessageQuery, StoredMessage } from '../../../src/core/ports/message-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf, newFailed, newMessageId, newRecord, newRetrying, newTenant, newTenantId } from './fixtures.ts'

describe('the message store', () => {
  let database: TestDatabase
  let node: Database
  let tenantId: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    tenantId = (await node.tenants.create(newTenant())).id
  })

  it('gives back what it has recorded', async () => {
    const data = { text: 'a "quoted" \\ text\n\u{1f600}', list: [1, null, { deep: true }] }
    const record = newRecord(tenantId, { data: JSON.stringify(data, null, 2), key: 'k,"1"', priority: 2, attempt: 3 })
    await node.messages.record([record])
    const stored = await node.messages.find(tenantId, record.id)
    expect(stored).to.deep.include({ id: record.id, tenantId, type: 'order.created', data, priority: 2, key: 'k,"1"', attempts: 3 })
    expect(stored?.createdAt.getTime()).to.equal(record.createdAtMs)
    expect(stored?.processedAt).to.be.an.instanceOf(Date)
  })

  it('records a failed message without data, and when it was processed is unknown', async () => {
    const failure = { errorClass: 'Refused', error: 'refused\u2028twice' }
    const record = newRecord(tenantId, { data: null, settlement: newFailed(1, { failure }) })
    await node.messages.record([record])
    expect(await node.messages.find(tenantId, record.id)).to.deep.include({
      status: 'failed',
      data: null,
      error: 'refused\u2028twice',
      processedAt: null,
    })
  })

  it('leaves a record as it is that is stored already, in the same call or an earlier one', async () => {
    const record = newRecord(tenantId)
    await node.messages.record([record, { ...record, type: 'second' }])
    await node.messages.record([{ ...record, type: 'third' }, newRecord(tenantId)])
    expect((await node.messages.find(tenantId, record.id))?.type).to.equal('order.created')
    expect((await node.messages.list({ tenantId, limit: 10 })).messages).to.have.length(2)
  })

  it('records nothing when there is nothing', async () => {
    await node.messages.record([])
  })

  for (const [name, fields] of Object.entries({
    'a NUL in the data': { data: '{"a":"\\u0000"}' },
    'data that is not JSON': { data: '{' },
    'a lone surrogate in the data': { data: '"\\ud800"' },
    'a NUL in a text': { key: 'a\u0000b' },
    'a date out of range': { createdAtMs: 1e300 },
    'an id that is no UUID': { id: 'a,b' as never },
    'a number of attempts that is too large': { attempt: 2 ** 40 },
    'a date out of range when it is due': { settlement: newRetrying(1, { dueAtMs: 1e300 }) },
  })) {
    it(`refuses all records when one has ${name}`, async () => {
      const good = newRecord(tenantId)
      expect(await codeOf(node.messages.record([good, newRecord(tenantId, fields)]))).to.equal('database.refused_row')
      expect(await node.messages.find(tenantId, good.id)).to.equal(undefined)
    })
  }

  it('names the tenant that has no partition and writes nothing', async () => {
    const good = newRecord(tenantId)
    const missing = newTenantId()
    const failure = await node.messages.record([good, newRecord(missing)]).catch((error: unknown) => error)
    expect(failure).to.deep.include({ code: 'partition.missing' })
    expect(failure).to.have.nested.property('details.tenantId', missing)
    expect(await node.messages.find(tenantId, good.id)).to.equal(undefined)
  })

  it('is unavailable, and to be asked again, while its table is gone', async () => {
    await using other = await createTestDatabase()
    const emptied = await other.open()
    await other.query('drop table messages')
    const failure = await emptied.messages.record([newRecord(tenantId)]).catch((error: unknown) => error)
    expect(failure).to.include({ code: 'database.unavailable', retryable: true })
  })

  it('is unavailable after the server ended its connections, and answers again', async () => {
    await using other = await createTestDatabase()
    const own = await other.open()
    const { id } = await own.tenants.create(newTenant())
    const writes = Array.from({ length: 40 }, () => own.messages.record([newRecord(id)]).catch((error: unknown) => error))
    await other.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    for (const failure of await Promise.all(writes)) {
      if (failure !== undefined) expect(failure).to.include({ code: 'database.unavailable', retryable: true })
    }
    await eventually(() => own.messages.ping().then(() => true))
    await own.messages.record([newRecord(id)])
  })

  it('tells the statuses of the messages that are stored', async () => {
    const [done, failed] = [newRecord(tenantId), newRecord(tenantId, { settlement: newFailed(1) })]
    const retrying = newRecord(tenantId, { attempt: 2, settlement: newRetrying(2) })
    const foreign = (await node.tenants.create(newTenant())).id
    const elsewhere = newRecord(foreign)
    await node.messages.record([done, failed, retrying, elsewhere])
    const keys = [done, failed, retrying, elsewhere, { tenantId, id: newMessageId() }, { tenantId: newTenantId(), id: done.id }]
    expect([...(await node.messages.statuses(keys))]).to.have.deep.members([
      [done.id, { status: 'processed', attempts: 1 }],
      [failed.id, { status: 'failed', attempts: 1 }],
      [retrying.id, { status: 'retrying', attempts: 2 }],
      [elsewhere.id, { status: 'processed', attempts: 1 }],
    ])
    expect((await node.messages.statuses([])).size).to.equal(0)
  })

  it('filters by type, status and time', async () => {
    const records = [
      newRecord(tenantId, { type: 'a', createdAtMs: 1_000 }),
      newRecord(tenantId, { type: 'a', settlement: newFailed(1), createdAtMs: 2_000 }),
      newRecord(tenantId, { type: 'b', createdAtMs: 3_000 }),
    ]
    await node.messages.record(records)
    const list = async (query: Partial<MessageQuery>) =>
      (await node.messages.list({ tenantId, limit: 10, ...query })).messages.map((message) => message.createdAt.getTime())
    expect(await list({})).to.deep.equal([3_000, 2_000, 1_000])
    expect(await list({ type: 'a' })).to.deep.equal([2_000, 1_000])
    expect(await list({ status: 'failed' })).to.deep.equal([2_000])
    expect(await list({ since: new Date(2_000) })).to.deep.equal([3_000, 2_000])
    expect(await list({ until: new Date(2_000) })).to.deep.equal([1_000])
  })

  it('keeps microseconds apart in its positions', async () => {
    const records = Array.from({ length: 6 }, () => newRecord(tenantId, { createdAtMs: 1_700_000_000_000 }))
    await node.messages.record(records)
    for (const [index, record] of records.entries()) {
      await database.query("update messages set created_at = created_at + $3 * interval '1 microsecond' where tenant_id = $1 and id = $2", [
        tenantId,
        record.id,
        Math.floor(index / 2),
      ])
    }
    const read = await readAll(node, { tenantId, limit: 1 })
    expect(new Set(read.map((message) => message.id)).size).to.equal(6)
    expect(read).to.have.length(6)
    expect((await node.messages.list({ tenantId, limit: 6 })).next).to.equal(undefined)
    expect((await node.messages.list({ tenantId, limit: 1 })).next?.createdAtMicros).to.equal('1700000000000002')
  })

  it('reads every message exactly once that was there at the start, while others arrive', async () => {
    const now = Date.now()
    const start = Array.from({ length: 500 }, (_, index) => newRecord(tenantId, { createdAtMs: now - (index % 50) }))
    await node.messages.record(start)
    const writing = new AbortController()
    const writer = (async () => {
      while (!writing.signal.aborted) {
        await node.messages.record(Array.from({ length: 5 }, (_, index) => newRecord(tenantId, { createdAtMs: now - 60 + index * 20 })))
      }
    })()
    const read = await readAll(node, { tenantId, limit: 7 })
    writing.abort()
    await writer
    const ids = read.map((message) => message.id)
    expect(new Set(ids).size).to.equal(ids.length)
    expect(ids).to.include.members(start.map((record) => record.id))
  })

  it('ends a page by its size as well, and says that there is more, of one tenant and of all', async () => {
    await using own = await createTestDatabase()
    const all = await own.open()
    const tenants = await Promise.all([newTenant(), newTenant()].map((tenant) => all.tenants.create(tenant)))
    // As text they are much larger than as they are stored.
    const data = JSON.stringify('x'.repeat(1_500_000))
    const records = Array.from({ length: 8 }, (_, index) =>
      newRecord(tenants[index % 2]?.id ?? tenantId, { createdAtMs: 1_000 + index, data: index < 6 ? data : '1' }),
    )
    for (const record of records) await all.messages.record([record])
    const newest = records.map(({ id }) => id).reverse()
    const pages = async (of: TenantId | undefined) =>
      (await readPages(all, { tenantId: of, limit: 50 })).map((page) => page.map(({ id }) => id))
    expect(await pages(undefined)).to.deep.equal([newest.slice(0, 5), newest.slice(5)])
    const [first] = tenants
    const ofFirst = records.filter((record) => record.tenantId === first?.id).map(({ id }) => id)
    expect(await pages(first?.id)).to.deep.equal([ofFirst.reverse()])
    await all.messages.record([newRecord(first?.id ?? tenantId, { createdAtMs: 1, data })])
    expect((await pages(first?.id)).map((page) => page.length)).to.deep.equal([4, 1])
  })

  it('lists a message that is larger than a page by itself', async () => {
    const data = JSON.stringify('x'.repeat(5_000_000))
    for (let count = 0; count < 2; count++) await node.messages.record([newRecord(tenantId, { data })])
    expect((await readPages(node, { tenantId, limit: 50 })).map((page) => page.length)).to.deep.equal([1, 1])
  })

  it('lists the messages of all tenants, newest first', async () => {
    await using own = await createTestDatabase()
    const all = await own.open()
    const tenants = await Promise.all(Array.from({ length: 5 }, () => all.tenants.create(newTenant())))
    const records = tenants.flatMap((tenant) =>
      Array.from({ length: 8 }, (_, index) => newRecord(tenant.id, { createdAtMs: 1_000 + index })),
    )
    await all.messages.record(records)
    const read = await readAll(all, { tenantId: undefined, limit: 6 })
    expect(read.map((message) => message.id)).to.have.members(records.map((record) => record.id))
    const times = read.map((message) => message.createdAt.getTime())
    expect(times).to.deep.equal(times.toSorted((a, b) => b - a))
  })
})

const readAll = async (node: Database, query: MessageQuery) => (await readPages(node, query)).flat()

async function readPages(node: Database, query: MessageQuery): Promise<(readonly StoredMessage[])[]> {
  const read: (readonly StoredMessage[])[] = []
  let after: MessagePosition | undefined
  do {
    const page = await node.messages.list(after === undefined ? query : { ...query, after })
    expect(page.messages.length).to.be.at.most(query.limit)
    read.push(page.messages)
    after = page.next
  } while (after !== undefined)
  return read
}
