import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import pg from 'pg'
import { migrateDown, migrateUp } from '../../../src/database/index.ts'
import { partitionName } from '../../../src/database/partitions.ts'
import { toScramSecret } from '../../../src/database/scram-secret.ts'
import { createTestDatabase } from '../../support/database.ts'
import { newRecord, newTenant } from './fixtures.ts'
import { refusalOf, roleOf } from './refusals.ts'

describe('the role of requests', () => {
  it('is made once when several nodes start at the same time, and found by all of them', async () => {
    await using database = await createTestDatabase()
    const nodes = await Promise.all(Array.from({ length: 4 }, () => database.open()))
    const { id } = await (nodes[0] ?? (await database.open())).tenants.create(newTenant())
    for (const node of nodes) expect(await node.asTenant(id, () => node.tenants.find(id))).to.include({ id })
    expect(await database.query('select from tenant_role')).to.have.length(1)
  })

  it('is made again with its password after the database came to another server, and corrected where it has another', async () => {
    await using database = await createTestDatabase()
    await (await database.open()).close()
    const role = await roleOf(database)
    const readPasswords = () => database.query('select password from tenant_role')
    const before = await readPasswords()
    await database.query(`drop owned by ${role}; drop role ${role}`)
    const node = await database.open()
    const { id } = await node.tenants.create(newTenant())
    expect(await readPasswords()).to.deep.equal(before)
    // A dump that was restored over the tables, as if they had never had a role of this name.
    await database.query('delete from tenant_role')
    const again = await database.open()
    expect(await again.asTenant(id, () => again.tenants.find(id))).to.include({ id })
    expect(await readPasswords()).not.to.deep.equal(before)
    await database.query(`alter role ${role} password 'of somebody else'`)
    const corrected = await database.open()
    expect(await corrected.asTenant(id, () => corrected.tenants.find(id))).to.include({ id })
  })

  it('is kept as a SCRAM secret, so that no log of statements has its password', async () => {
    await using database = await createTestDatabase()
    await (await database.open()).close()
    const role = await roleOf(database)
    const [stored] = await database.query<{ rolpassword: string }>(
      'select a.rolpassword from pg_authid a join tenant_role r on r.name = a.rolname',
    )
    expect(stored?.rolpassword).to.match(/^SCRAM-SHA-256\$4096:/)
    // As the server makes one itself.
    const readSecret = async () =>
      (await database.query<{ secret: string }>('select rolpassword as secret from pg_authid where rolname = $1', [role]))[0]?.secret
    await database.query(`set password_encryption = 'scram-sha-256'; alter role ${role} password 'a long password'`)
    const secret = await readSecret()
    const salt = Buffer.from(/:([^$]+)\$/.exec(secret ?? '')?.[1] ?? '', 'base64')
    expect(toScramSecret('a long password', salt)).to.equal(secret)
  })

  it('may be made by an administrator, and is granted what it needs', async () => {
    await using database = await createTestDatabase({ plainOwner: true })
    const owner = new URL(database.url).username
    await database.query(`alter role ${owner} nocreaterole`)
    expect(await refusalOf(database)).to.match(/may not create the role .*create role tenantry_requests login .*DATABASE_TENANT_URL/)
    const [name, password] = [`${owner.replace('_owner', '')}_By DBA`, randomBytes(8).toString('hex')]
    const url = new URL(database.url)
    url.username = encodeURIComponent(name)
    url.password = password
    await database.query(`create role "${name}" login noinherit password '${password}'`)
    try {
      const node = await database.open({ tenantUrl: url.href })
      const [a, b] = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())]
      await node.messages.record([newRecord(a.id), newRecord(b.id)])
      await node.asTenant(a.id, async () => {
        expect(await node.tenants.find(a.id)).to.include({ id: a.id })
        expect(await node.tenants.find(b.id)).to.equal(undefined)
        expect((await node.messages.list({ tenantId: undefined, limit: 9 })).messages).to.have.length(1)
      })
      await node.close()
    } finally {
      await database.query(`drop owned by "${name}"; drop role "${name}"`)
    }
  })
})

describe('a role for requests that no grants would limit', () => {
  const privileges = `select c.relname, c.relacl::text from pg_class c where c.relnamespace = 'public'::regnamespace order by 1`

  it('is refused before anything is granted or revoked: the service itself, and whoever may become it', async () => {
    await using database = await createTestDatabase({ plainOwner: true })
    await (await database.open()).close()
    const before = [await database.query(privileges), await database.query('select name from tenant_role')]
    const owner = new URL(database.url).username
    const [member, password] = [owner.replace('_owner', '_member'), randomBytes(8).toString('hex')]
    const url = new URL(database.url)
    url.username = member
    url.password = password
    await database.query(`create role ${member} login noinherit password '${password}'; grant ${owner} to ${member}`)
    try {
      expect(await refusalOf(database, database.url)).to.match(/is the database user of the service itself.*; the role \w+ owns /)
      expect(await refusalOf(database, url.href)).to.match(new RegExp(`is a member of ${owner}`))
      expect([await database.query(privileges), await database.query('select name from tenant_role')]).to.deep.equal(before)
      expect(await refusalOf(database)).to.equal(undefined)
    } finally {
      await database.query(`drop role ${member}`)
    }
  })

  it('is refused when it owns the database or a table', async () => {
    await using database = await createTestDatabase()
    await (await database.open()).close()
    const role = await roleOf(database)
    const [{ name, owner } = { name: '', owner: '' }] = await database.query<{ name: string; owner: string }>(
      'select current_database() as name, current_user as owner',
    )
    const before = await database.query(privileges)
    await database.query(`alter database ${name} owner to ${role}`)
    expect(await refusalOf(database)).to.match(/owns the database/)
    await database.query(`alter database ${name} owner to ${owner}; alter table users owner to ${role}`)
    expect(await refusalOf(database)).to.match(/owns users/)
    await database.query(`alter table users owner to ${owner}`)
    expect(await database.query(`${privileges}`)).to.have.length(before.length)
  })
})

describe('the service as a plain owner of its database', () => {
  it('sees and does everything by the policy for it, although row-level security is forced on it too', async () => {
    await using database = await createTestDatabase({ plainOwner: true })
    const node = await database.open()
    const [facts] = await database.query(
      'select r.rolsuper, r.rolbypassrls from pg_class c join pg_roles r on r.oid = c.relowner where c.oid = $1::regclass',
      ['messages'],
    )
    expect(facts).to.deep.equal({ rolsuper: false, rolbypassrls: false })
    const [a, b] = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())]
    await node.messages.record([newRecord(a.id), newRecord(b.id)])
    expect((await node.messages.list({ tenantId: undefined, limit: 9 })).messages).to.have.length(2)
    await node.asTenant(a.id, async () => {
      expect((await node.messages.list({ tenantId: undefined, limit: 9 })).messages).to.have.length(1)
      expect(await node.tenants.find(b.id)).to.equal(undefined)
    })
    await node.tenants.remove(a.id, 0)
    const { places = [] } = (await node.tenants.tombstone(a.id))?.certificate ?? {}
    expect(places.filter(({ found }) => found > 0).map(({ name, found, left }) => ({ name, found, left }))).to.deep.equal([
      { name: partitionName(a.id), found: 1, left: 0 },
      { name: 'tenants', found: 1, left: 0 },
    ])
    expect(await node.tenants.desired()).to.have.length(1)
  })

  it('is refused when the policy is for somebody else', async () => {
    await using database = await createTestDatabase({ plainOwner: true })
    await database.query('alter policy service on messages to pg_monitor')
    expect(await refusalOf(database)).to.match(/does not see every row of messages/)
  })
})

describe('a migration back', () => {
  it('takes nothing from the service, even if it is noted as a role of requests', async () => {
    await using database = await createTestDatabase({ plainOwner: true })
    await database.query('insert into tenant_role (name) values ($1)', [new URL(database.url).username])
    const target = { url: database.url, schema: 'public' }
    await migrateDown(target)
    await migrateDown(target)
    expect(await migrateDown(target)).to.deep.equal(['0010-row-level-security'])
    expect(await migrateUp(target)).to.deep.equal(['0010-row-level-security', '0011-inspection', '0012-replaced-api-keys'])
    expect(await refusalOf(database)).to.equal(undefined)
  })

  it('lets nobody keep access to tables that are then open to all', async () => {
    await using database = await createTestDatabase()
    await (await database.open()).close()
    const [role] = await database.query<{ name: string; password: string }>('select name, password from tenant_role')
    await migrateDown({ url: database.url, schema: 'public' })
    await migrateDown({ url: database.url, schema: 'public' })
    expect(await migrateDown({ url: database.url, schema: 'public' })).to.deep.equal(['0010-row-level-security'])
    expect(await database.query('select from pg_roles where rolname = $1', [role?.name])).to.deep.equal([])
    const url = new URL(database.url)
    url.username = String(role?.name)
    const client = new pg.Client({ connectionString: url.href })
    expect(
      await client.connect().then(
        () => client.end(),
        () => 'refused',
      ),
    ).to.equal('refused')
  })
})
