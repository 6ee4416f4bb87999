import { expect } from 'chai'
import { migrateDown, migrateUp, migrationStatus } from '../../../src/database/index.ts'
import { createTestDatabase } from '../../support/database.ts'
import { newRecord, newTenant } from './fixtures.ts'

const names = [
  '0001-tenants',
  '0002-messages',
  '0003-nodes',
  '0004-auth',
  '0005-failed-messages',
  '0006-scheduled-messages',
  '0007-idempotency-keys',
  '0008-tenant-reports-circuits',
  '0009-identity',
  '0010-row-level-security',
  '0011-inspection',
  '0012-replaced-api-keys',
]
const listTables = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'app'::regnamespace order by relname"
const remaining = [{ relname: 'tenantry_migrations' }, { relname: 'tenantry_migrations_lock' }]

describe('migrations', () => {
  it('go up, all the way down, and up again', async () => {
    await using database = await createTestDatabase({ migrated: false })
    const target = { url: database.url, schema: 'app' }
    expect((await migrationStatus(target)).map((migration) => migration.executedAt)).to.deep.equal(names.map(() => undefined))
    expect(await migrateUp(target)).to.deep.equal(names)
    const tables = await database.query(listTables)
    for (const name of names.toReversed()) expect(await migrateDown(target)).to.deep.equal([name])
    expect(await migrateDown(target)).to.deep.equal([])
    expect(await database.query(listTables)).to.deep.equal(remaining)
    expect(await migrateUp(target)).to.deep.equal(names)
    expect(await database.query(listTables)).to.deep.equal(tables)
    expect(await migrateUp(target)).to.deep.equal([])
    expect((await migrationStatus(target)).every((migration) => migration.executedAt instanceof Date)).to.equal(true)
  })

  it('run once when several nodes start at once', async () => {
    await using database = await createTestDatabase({ migrated: false })
    const target = { url: database.url, schema: 'app' }
    const runs = await Promise.all(Array.from({ length: 4 }, () => migrateUp(target)))
    expect(runs.flat()).to.deep.equal(names)
  })

  it('go down with the partitions that tenants have', async () => {
    await using database = await createTestDatabase()
    const node = await database.open()
    const tenant = await node.tenants.create(newTenant())
    await node.messages.record([newRecord(tenant.id)])
    await node.close()
    const target = { url: database.url, schema: 'public' }
    for (const name of names.toReversed()) expect(await migrateDown(target)).to.deep.equal([name])
    expect(await database.query("select 1 from pg_class where relname like 'messages%'")).to.deep.equal([])
  })
})
