import { expect } from 'chai'
import type { Database } from '../../../src/database/index.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import { sharedTables } from '../../../src/database/remove-tenant-rows.ts'
import { platformTables, tenantTables } from '../../../src/database/tenant-tables.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { codeOf } from './fixtures.ts'
import { createTenantWithRows, logInAsTenantRole, type TenantSession, type TenantWithRows } from './tenants-rows.ts'

const refused = '42501'
const keyOf = (table: string): string => (table === 'tenants' ? 'id' : 'tenant_id')
const granted = (privilege: 'select' | 'insert' | 'update' | 'delete') =>
  Object.keys(tenantTables).filter((table) => tenantTables[table]?.[privilege] !== undefined)

/** Everything here is asked by the role that requests run as, over a connection of its own. */
describe('the role that requests run as', () => {
  let database: TestDatabase
  let node: Database
  let a: TenantWithRows
  let b: TenantWithRows
  let session: TenantSession

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    a = await createTenantWithRows(database, node)
    b = await createTenantWithRows(database, node)
    for (const { id } of [a, b]) await database.query('insert into tenant_tombstones (tenant_id, discarded) values ($1, 0)', [id])
    session = await logInAsTenantRole(database)
  })
  after(async () => {
    await session[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const ownersIn = async (table: string): Promise<unknown[]> => {
    const { rows } = await session.run(`select distinct ${keyOf(table)} as id from ${table}`)
    return rows.map(({ id }) => id)
  }

  it('finds rows of two tenants in every table: what follows is not for want of them', async () => {
    for (const table of Object.keys(tenantTables)) {
      const rows = await database.query(`select distinct ${keyOf(table)} as id from ${table}`)
      expect(
        rows.map(({ id }) => id),
        table,
      ).to.have.members([a.id, b.id])
    }
  })

  it('sees nothing without a tenant, before any was set and after one was', async () => {
    for (const table of granted('select')) expect(await ownersIn(table), table).to.deep.equal([])
    await session.runAs(a.id, 'select 1')
    // A setting that was set once is an empty text from then on, and no longer null.
    for (const table of granted('select')) expect(await ownersIn(table), table).to.deep.equal([])
    await session.begin()
    expect((await session.run("select current_setting('tenantry.tenant_id', true) as tenant")).rows).to.deep.equal([{ tenant: '' }])
    await session.run('rollback')
  })

  it('sees the rows of the tenant that is set, in every table, and of no other', async () => {
    for (const { id } of [a, b]) {
      await session.begin(id)
      for (const table of granted('select')) expect(await ownersIn(table), table).to.deep.equal([id])
      await session.run('commit')
    }
  })

  it('sees of the partitions, asked directly, its own and nothing of another', async () => {
    const countIn = (partition: string) => `select count(*)::integer as count from ${partition}`
    expect((await session.runAs(a.id, countIn(partitionName(a.id)))).rows).to.deep.equal([{ count: 2 }])
    expect((await session.runAs(a.id, countIn(partitionName(b.id)))).rows).to.deep.equal([{ count: 0 }])
    expect((await session.run(countIn(partitionName(a.id)))).rows).to.deep.equal([{ count: 0 }])
  })

  it('adds nothing for another tenant', async () => {
    for (const table of granted('insert')) {
      // The row of the other tenant, as it is: nothing but its owner is wrong with it.
      const [row] = await database.query<{ row: unknown }>(`select to_jsonb(t) as row from ${table} t where tenant_id = $1`, [b.id])
      await database.query(`delete from ${table} where tenant_id = $1`, [b.id])
      const insert = `insert into ${table} select * from jsonb_populate_record(null::${table}, $1)`
      const failure = await session.runAs(a.id, insert, [row?.row]).catch((error: unknown) => error)
      expect(failure, table).to.include({ code: refused })
      expect(String(failure), table).to.contain('row-level security')
      expect((await session.runAs(b.id, insert, [row?.row])).rowCount, table).to.equal(1)
    }
  })

  it('changes and removes nothing of another tenant, through the parent or a partition', async () => {
    for (const table of granted('update')) {
      const columns = tenantTables[table]?.update
      const column = columns === true ? keyOf(table) : columns?.at(-1)
      const update = `update ${table} set ${column} = ${column} where ${keyOf(table)} = $1`
      expect((await session.runAs(a.id, update, [b.id])).rowCount, table).to.equal(0)
      expect((await session.runAs(a.id, update, [a.id])).rowCount, table).to.be.greaterThan(0)
    }
    const ofPartition = await session.runAs(a.id, `update ${partitionName(b.id)} set status = 'failed'`)
    expect(ofPartition.rowCount).to.equal(0)
    for (const table of granted('delete')) {
      expect((await session.runAs(a.id, `delete from ${table} where tenant_id = $1`, [b.id])).rowCount, table).to.equal(0)
    }
  })

  it('gives no row of its own to another tenant', async () => {
    for (const table of Object.keys(tenantTables)) {
      expect(await codeOf(session.runAs(a.id, `update ${table} set ${keyOf(table)} = $1`, [b.id])), table).to.equal(refused)
    }
    expect(await codeOf(session.runAs(a.id, `update messages set tenant_id = '${b.id}'`))).to.equal(refused)
  })

  it('may do no more than it was granted: not even read what only the service needs', async () => {
    const tries = {
      select: (table: string) => `select from ${table}`,
      insert: (table: string) => `insert into ${table} default values`,
      delete: (table: string) => `delete from ${table}`,
      truncate: (table: string) => `truncate ${table}`,
    }
    for (const table of [...Object.keys(tenantTables), ...platformTables]) {
      for (const [privilege, text] of Object.entries(tries)) {
        if (Object.keys(tenantTables[table] ?? {}).includes(privilege)) continue
        expect(await codeOf(session.runAs(a.id, text(table))), `${privilege} ${table}`).to.equal(refused)
      }
    }
    for (const text of [
      'select password_hash from users',
      'select hash from invitations',
      'select hash from api_keys',
      'select sealed from tenant_secrets',
      'update failed_messages set body = body',
      'update users set username = username',
    ]) {
      expect(await codeOf(session.runAs(a.id, text)), text).to.equal(refused)
    }
  })

  it('cannot change or remove an entry of the audit log', async () => {
    for (const text of ["update audit_log set action = 'x'", 'delete from audit_log', 'truncate audit_log', 'drop table audit_log']) {
      expect(await codeOf(session.runAs(a.id, text)), text).to.equal(refused)
    }
  })

  it('cannot become anybody else, copy around the policies, or switch them off', async () => {
    const [owner] = await database.query<{ name: string }>('select current_user::text as name')
    for (const text of [
      `set role ${owner?.name}`,
      `set session authorization ${owner?.name}`,
      `create role another_${session.name}`,
      `alter role ${session.name} superuser`,
      'alter table messages disable row level security',
      'drop policy tenant on messages',
      'create table mine (id integer)',
      "copy messages to '/tmp/messages'",
      "copy messages to program 'cat'",
    ]) {
      expect(await codeOf(session.runAs(a.id, text)), text).to.equal(refused)
    }
    // Refused rather than answered without the policies, or with them.
    await session.run('set row_security = off')
    expect(await codeOf(session.runAs(a.id, 'select from messages'))).to.equal(refused)
    await session.run('set row_security = on')
    expect(await codeOf(session.runAs(a.id, 'copy scheduled_messages from stdin'))).to.equal('0A000')
  })

  it('refuses a tenant that is no UUID, and does not see it as none', async () => {
    await session.begin()
    await session.run("select set_config('tenantry.tenant_id', $1, true)", ["' or true --"])
    expect(await codeOf(session.run('select from tenants'))).to.equal('22P02')
    await session.run('rollback')
  })

  it('is kept from every table with rows of tenants, and an erasure knows them all', async () => {
    const found = await database.query<{ name: string }>(`
      select c.relname::text as name from pg_class c
      where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)`)
    const names = found.map(({ name }) => name)
    expect(['tenants', ...names]).to.have.members(Object.keys(tenantTables))
    expect(['messages', 'tenant_tombstones', ...sharedTables]).to.have.members(names)
  })
})
