import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { createDatabaseClient, type DatabaseClient } from '../../../src/database/client.ts'
import { eraseTenant } from '../../../src/database/erase-tenant.ts'
import type { Database } from '../../../src/database/index.ts'
import { createPartitions, type Partitions, partitionName } from '../../../src/database/partitions.ts'
import { sharedTables } from '../../../src/database/remove-tenant-rows.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newTenant, newTenantId } from './fixtures.ts'
import { createTenantWithRows } from './tenants-rows.ts'

describe('the erasure of a tenant', () => {
  let database: TestDatabase
  let node: Database
  let client: DatabaseClient
  let partitions: Partitions

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    client = createDatabaseClient({ url: database.url, schema: 'public', poolSize: 2, statementTimeoutMs: 5_000, onError: () => undefined })
    partitions = createPartitions(client)
  })
  after(async () => {
    await client.close()
    await database[Symbol.asyncDispose]()
  })

  const queue = (name: string, messages: number) => ({ name, messages })
  const foundBy = async (id: TenantId) => {
    const { places = [] } = (await node.tenants.tombstone(id))?.certificate ?? {}
    return Object.fromEntries(places.map(({ name, kind, found }) => [`${kind} ${name}`, found]))
  }
  /** What a tenant with rows has. */
  const everything = (id: TenantId) => ({
    [`partition ${partitionName(id)}`]: 2,
    'table tenants': 1,
    ...Object.fromEntries(sharedTables.map((table) => [`table ${table}`, 1])),
  })

  it('leaves a certificate of every place: what was found, and that nothing is left', async () => {
    const [gone, stays] = [await createTenantWithRows(database, node), await createTenantWithRows(database, node)]
    const startedAt = Date.now() - 1_000
    await node.tenants.remove(gone.id, 3, [queue('its queue', 2), queue('its dead letters', 1)])
    const tombstone = await node.tenants.tombstone(gone.id)
    expect(tombstone?.discarded).to.equal(3 + 1)
    expect(tombstone?.certificate).to.include({ tenantId: gone.id })
    expect(tombstone?.certificate?.startedAt.getTime()).to.be.within(startedAt, tombstone?.certificate?.completedAt.getTime() ?? 0)
    expect(await foundBy(gone.id)).to.deep.equal({ ...everything(gone.id), 'queue its queue': 2, 'queue its dead letters': 1 })
    for (const { name, left } of tombstone?.certificate?.places ?? []) expect(left, name).to.equal(0)
    for (const table of sharedTables) {
      const owners = await database.query<{ tenant_id: string }>(`select distinct tenant_id from ${table}`)
      expect(
        owners.map((row) => row.tenant_id),
        table,
      ).to.deep.equal([stays.id])
    }
    expect(await database.query('select to_regclass($1) as partition', [partitionName(gone.id)])).to.deep.equal([{ partition: null }])
    // A second removal finds nothing, and does not say so over what the first one found.
    await node.tenants.remove(gone.id, 0, [queue('its queue', 0)])
    expect(await node.tenants.tombstone(gone.id)).to.deep.equal(tombstone)
  })

  it('tells what was found before a crash, wherever it was', async () => {
    const crash = () => Promise.reject(new Error('the node died'))
    let transactions = 0
    const halves: Readonly<Record<string, Parameters<typeof eraseTenant>[0]>> = {
      'before the partition went': { client, partitions: { ...partitions, remove: crash } },
      'before the rows went': {
        client: { ...client, run: (text, values) => (text.includes('delete from') ? crash() : client.run(text, values)) },
        partitions,
      },
      // The first transaction keeps the counts.
      'before the tenant went': {
        client: { ...client, transaction: (work) => (transactions++ === 0 ? client.transaction(work) : crash()) },
        partitions,
      },
    }
    for (const [moment, parts] of Object.entries(halves)) {
      const { id } = await createTenantWithRows(database, node)
      const failure = await eraseTenant(parts, id, { discarded: 5, queues: [queue('q', 5)] }).catch((error: unknown) => error)
      expect(failure, moment).to.include({ message: 'the node died' })
      expect(await node.tenants.tombstone(id), moment).to.equal(undefined)
      await node.tenants.remove(id, 1, [queue('q', 1), queue('dlq', 0)])
      expect(await foundBy(id), moment).to.deep.equal({ ...everything(id), 'queue q': 6, 'queue dlq': 0 })
      expect((await node.tenants.tombstone(id))?.discarded, moment).to.equal(5 + 1 + 1)
    }
  })

  it('does nothing for a tenant that never was', async () => {
    const id = newTenantId()
    await node.tenants.remove(id, 1, [queue('q', 1)])
    expect(await node.tenants.tombstone(id)).to.equal(undefined)
  })

  it('lists deleted tenants, the last one first, page by page', async () => {
    await database.query('delete from tenant_tombstones')
    const ids: TenantId[] = []
    for (const name of ['first', 'second', 'third']) {
      const { id } = await node.tenants.create(newTenant({ name }))
      await node.tenants.remove(id, 0)
      ids.unshift(id)
    }
    const old = newTenantId()
    await database.query("insert into tenant_tombstones (tenant_id, discarded, deleted_at) values ($1, 9, now() - interval '1 year')", [
      old,
    ])
    const page = await node.tenants.listTombstones({ limit: 2 })
    expect(page.tombstones.map(({ tenantId }) => tenantId)).to.deep.equal(ids.slice(0, 2))
    expect(page.tombstones[0]?.certificate?.places).to.have.length(sharedTables.length + 2)
    if (page.next === undefined) throw new Error('there is no next page')
    const last = await node.tenants.listTombstones({ limit: 2, after: page.next })
    expect(last.tombstones.map(({ tenantId }) => tenantId)).to.deep.equal([ids[2], old])
    expect(last.next).to.equal(undefined)
    // Of one that was deleted before there were certificates.
    expect(last.tombstones[1]).to.deep.include({ discarded: 9, certificate: undefined })
    expect(await node.asTenant(newTenantId(), () => node.tenants.listTombstones({ limit: 9 }))).to.deep.equal({
      tombstones: [],
      next: undefined,
    })
  })
})
