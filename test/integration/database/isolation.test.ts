import { expect } from 'chai'
import { partitionName } from '../../../src/database/partitions.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newRecord, newTenant } from './fixtures.ts'
import { refusalOf, roleOf } from './refusals.ts'
import { logInAsTenantRole } from './tenants-rows.ts'

describe('a database that would not keep tenants apart', () => {
  let database: TestDatabase
  let role: string
  let partition: string

  before(async () => {
    database = await createTestDatabase()
    const node = await database.open()
    partition = partitionName((await node.tenants.create(newTenant())).id)
    await node.close()
    role = await roleOf(database)
  })
  after(() => database[Symbol.asyncDispose]())

  const faults: Readonly<Record<string, { readonly does: string; readonly undoes: string; readonly told: RegExp }>> = {
    'the role of requests is a superuser': {
      does: 'alter role $role superuser',
      undoes: 'alter role $role nosuperuser',
      told: /the role \w+ is a superuser/,
    },
    'the role bypasses row-level security': {
      does: 'alter role $role bypassrls',
      undoes: 'alter role $role nobypassrls',
      told: /bypasses row-level security/,
    },
    'the role may make roles': {
      does: 'alter role $role createrole',
      undoes: 'alter role $role nocreaterole',
      told: /may make roles/,
    },
    'the role may become the owner': {
      does: 'grant $owner to $role',
      undoes: 'revoke $owner from $role',
      told: /is a member of \w+: revoke/,
    },
    'the role may become one that may do more': {
      does: 'create role $role_more; grant update on audit_log to $role_more; grant $role_more to $role',
      undoes: 'drop owned by $role_more; drop role $role_more',
      told: /is a member of \w+_more: revoke/,
    },
    'the role owns a table': {
      does: 'alter table idempotency_keys owner to $role',
      undoes:
        'alter table idempotency_keys owner to $owner; grant all on idempotency_keys to $owner; revoke all on idempotency_keys from $role',
      told: /owns idempotency_keys/,
    },
    'a table is not under row-level security': {
      does: 'alter table failed_messages disable row level security',
      undoes: 'alter table failed_messages enable row level security',
      told: /not enabled and forced on failed_messages/,
    },
    'row-level security is not forced on a table': {
      does: 'alter table users no force row level security',
      undoes: 'alter table users force row level security',
      told: /not enabled and forced on users/,
    },
    'a partition is not under row-level security': {
      does: 'alter table $partition disable row level security',
      undoes: 'alter table $partition enable row level security',
      told: /not enabled and forced on 1 partitions: messages_/,
    },
    'a policy shows every tenant': {
      does: 'create policy generous on audit_log using (true)',
      undoes: 'drop policy generous on audit_log',
      told: /see more than its tenant: generous on audit_log/,
    },
    'a policy only mentions the tenant': {
      does: `create policy vague on messages for select
        using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid is not null)`,
      undoes: 'drop policy vague on messages',
      told: /see more than its tenant: vague on messages/,
    },
    'the policy of a table is gone': {
      does: 'drop policy tenant on tenants',
      undoes: `create policy tenant on tenants
        using (id = (select nullif(current_setting('tenantry.tenant_id', true), '')::uuid))`,
      told: /policy that shows a tenant its rows is missing on tenants/,
    },
    'everybody may read a table of the platform': {
      does: 'grant select on admins to public',
      undoes: 'revoke select on admins from public',
      told: /may select admins/,
    },
    'everybody may change the audit log': {
      does: 'grant update on audit_log to public',
      undoes: 'revoke update on audit_log from public',
      told: /may update audit_log/,
    },
    'a table is missing': {
      does: 'alter table tenant_secrets rename to tenant_secrets_away',
      undoes: 'alter table tenant_secrets_away rename to tenant_secrets',
      told: /there is no table tenant_secrets/,
    },
  }

  for (const [name, { does, undoes, told }] of Object.entries(faults)) {
    it(`is not opened when ${name}`, async () => {
      const [{ owner } = { owner: '' }] = await database.query<{ owner: string }>('select current_user::text as owner')
      const fill = (text: string) => text.replaceAll('$role', role).replaceAll('$owner', owner).replaceAll('$partition', partition)
      await database.query(fill(does))
      try {
        expect(await refusalOf(database)).to.match(told)
      } finally {
        await database.query(fill(undoes))
      }
      expect(await refusalOf(database)).to.equal(undefined)
    })
  }

  it('is not opened before its tables are those of this version', async () => {
    await using empty = await createTestDatabase({ migrated: false })
    expect(await refusalOf(empty)).to.contain('migrate')
  })

  it('is not opened for requests as a superuser, or elsewhere', async () => {
    expect(await refusalOf(database, database.url)).to.match(/is a superuser/)
    await using other = await createTestDatabase({ migrated: false })
    expect(await refusalOf(database, other.url)).to.contain('leads to another database')
  })

  it('loses what its role was granted beside what it needs', async () => {
    await database.query(`grant select on sessions to ${role}; grant delete on audit_log to ${role}; revoke select on tenants from ${role}`)
    expect(await refusalOf(database)).to.equal(undefined)
    const [privileges] = await database.query(
      `select has_table_privilege($1, 'sessions', 'select') as sessions, has_table_privilege($1, 'audit_log', 'delete') as audit,
              has_column_privilege($1, 'tenants', 'name', 'select') as tenants`,
      [role],
    )
    expect(privileges).to.deep.equal({ sessions: false, audit: false, tenants: true })
  })
})

describe('partitions of an earlier version', () => {
  it('are protected when the database is opened, however many, while rows are written', async () => {
    await using database = await createTestDatabase()
    const node = await database.open()
    const tenants = await Promise.all(Array.from({ length: 60 }, () => node.tenants.create(newTenant())))
    const role = await roleOf(database)
    for (const { id } of tenants) {
      await database.query(`drop policy tenant on ${partitionName(id)}; drop policy service on ${partitionName(id)};
        alter table ${partitionName(id)} disable row level security, no force row level security; revoke all on ${partitionName(id)} from ${role}`)
    }
    const writing = new AbortController()
    const writer = (async () => {
      while (!writing.signal.aborted) await node.messages.record(tenants.map(({ id }) => newRecord(id)))
    })()
    await database.open()
    writing.abort()
    await writer
    const open = await database.query(
      `select from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'messages'::regclass
         and (not (c.relrowsecurity and c.relforcerowsecurity) or (select count(*) from pg_policy p where p.polrelid = c.oid) <> 2)`,
    )
    expect(open).to.deep.equal([])
    await using session = await logInAsTenantRole(database)
    const [first, second] = tenants
    if (first === undefined || second === undefined) throw new Error('there are no tenants')
    expect((await session.runAs(first.id, `select from ${partitionName(first.id)}`)).rowCount).to.be.greaterThan(0)
    expect((await session.runAs(first.id, `select from ${partitionName(second.id)}`)).rowCount).to.equal(0)
  })
})
