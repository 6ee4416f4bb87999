import { expect } from 'chai'
import pg from 'pg'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Database } from '../../../src/database/index.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf, newRecord, newTenant, newTenantId } from './fixtures.ts'

describe('partitions', () => {
  let database: TestDatabase
  let node: Database
  let other: Database

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())

  const states = (tenantId: TenantId) =>
    database.query<{ attached: boolean }>(
      'select i.inhrelid is not null and not i.inhdetachpending as attached from pg_class c left join pg_inherits i on i.inhrelid = c.oid where c.relname = $1',
      [partitionName(tenantId)],
    )

  it('take a name only from a UUID', () => {
    expect(() => partitionName('x; drop table tenants' as TenantId)).to.throw()
  })

  it('are made once when two nodes make them at the same time', async () => {
    const tenantId = newTenantId()
    await Promise.all([node, other, node, other].map((each) => each.tenants.ensurePartition(tenantId)))
    await node.messages.record([newRecord(tenantId)])
    expect(await states(tenantId)).to.deep.equal([{ attached: true }])
  })

  it('are protected, also when an earlier version made them while this one runs', async () => {
    const { id } = await node.tenants.create(newTenant())
    const name = partitionName(id)
    const readProtection = () =>
      database.query(
        `select c.relrowsecurity and c.relforcerowsecurity as is_on,
                (select array_agg(p.polname::text order by p.polname) from pg_policy p where p.polrelid = c.oid) as policies
         from pg_class c where c.oid = $1::regclass`,
        [name],
      )
    const whole = await readProtection()
    expect(whole).to.deep.equal([{ is_on: true, policies: ['service', 'tenant'] }])
    await database.query(`drop policy tenant on ${name}; drop policy service on ${name};
      alter table ${name} disable row level security, no force row level security`)
    await Promise.all([node.tenants.ensurePartition(id), other.tenants.ensurePartition(id)])
    expect(await readProtection()).to.deep.equal(whole)
    await node.messages.record([newRecord(id)])
  })

  it('that are refused for good are no outage, and are made when nothing is in their way any more', async () => {
    const { id } = await node.tenants.create(newTenant())
    const name = partitionName(id)
    await database.query(`drop table ${name}; create view ${name} as select 1 as x`)
    const refused = await node.tenants.ensurePartition(id).catch((error: unknown) => error)
    expect(refused).to.include({ code: 'partition.missing', retryable: false, scope: 'tenant' })
    await database.query(`drop view ${name}`)
    await node.tenants.ensurePartition(id)
    await node.messages.record([newRecord(id)])
  })

  it('are attached with their rows when a removal stopped before the drop', async () => {
    const { id } = await node.tenants.create(newTenant())
    const record = newRecord(id)
    await node.messages.record([record])
    await database.query(`alter table messages detach partition ${partitionName(id)} concurrently`)
    expect(await codeOf(node.messages.record([newRecord(id)]))).to.equal('partition.missing')
    await node.tenants.ensurePartition(id)
    expect(await node.messages.find(id, record.id)).to.include({ id: record.id })
  })

  it('are empty when a tenant is created over what a removal left', async () => {
    const { id, name } = await node.tenants.create(newTenant())
    await node.messages.record([newRecord(id)])
    await database.query(`alter table messages detach partition ${partitionName(id)} concurrently`)
    await database.query('delete from tenants where id = $1', [id])
    await node.tenants.create(newTenant({ id, name }))
    expect((await node.messages.list({ tenantId: id, limit: 1 })).messages).to.deep.equal([])
  })

  it('are removed, and made, after a detachment of another tenant was interrupted', async () => {
    const [first, second] = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())]
    await interruptDetachment(database, first.id)
    expect(await states(first.id)).to.deep.equal([{ attached: false }])
    await node.tenants.remove(second.id, 0)
    expect(await states(second.id)).to.deep.equal([])
    await interruptDetachment(database, (await node.tenants.create(newTenant())).id)
    await node.tenants.remove(first.id, 0)
    expect(await states(first.id)).to.deep.equal([])
  })

  it('come back with their rows when their own detachment was interrupted', async () => {
    const { id } = await node.tenants.create(newTenant())
    const record = newRecord(id)
    await node.messages.record([record])
    await interruptDetachment(database, id)
    await Promise.all([node.tenants.ensurePartition(id), other.tenants.ensurePartition(id)])
    expect(await node.messages.find(id, record.id)).to.include({ id: record.id })
  })

  it('are removed as soon as an old reader is done, and nobody else waits for it', async () => {
    const [gone, stays] = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())]
    const reader = new pg.Client({ connectionString: database.url })
    await reader.connect()
    await reader.query('begin')
    await reader.query('select 1 from messages limit 1')
    const removal = node.tenants.remove(gone.id, 0)
    await eventually(async () => (await codeOf(other.messages.record([newRecord(gone.id)]))) === 'partition.missing')
    await other.messages.record([newRecord(stays.id)])
    await reader.query('commit')
    await reader.end()
    await removal
    expect(await states(gone.id)).to.deep.equal([])
  })

  it('come and go for many tenants at once while rows are written', async () => {
    const stays = await node.tenants.create(newTenant())
    const writing = new AbortController()
    const writer = (async () => {
      let written = 0
      for (; !writing.signal.aborted; written++) await other.messages.record([newRecord(stays.id)])
      return written
    })()
    const tenants = await Promise.all(Array.from({ length: 30 }, (_, index) => (index % 2 ? node : other).tenants.create(newTenant())))
    await Promise.all(tenants.map((tenant, index) => (index % 2 ? other : node).tenants.remove(tenant.id, 0)))
    writing.abort()
    expect(await writer).to.be.greaterThan(0)
    for (const tenant of tenants) expect(await states(tenant.id)).to.deep.equal([])
  }).timeout(60_000)
})

/** Leaves the partition between the two steps of DETACH … CONCURRENTLY: an old reader holds the second one up until it is given up. */
async function interruptDetachment(database: TestDatabase, tenantId: TenantId): Promise<void> {
  const [reader, detacher] = [new pg.Client({ connectionString: database.url }), new pg.Client({ connectionString: database.url })]
  await Promise.all([reader.connect(), detacher.connect()])
  await reader.query('begin')
  await reader.query('select 1 from messages limit 1')
  await detacher.query("set lock_timeout = '200ms'")
  await detacher.query(`alter table messages detach partition ${partitionName(tenantId)} concurrently`).catch(() => undefined)
  await reader.query('commit')
  await Promise.all([reader.end(), detacher.end()])
}
