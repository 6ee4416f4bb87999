import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { AuditEntry, AuditQuery } from '../../../src/core/ports/audit-store.ts'
import { toStatements } from '../../../src/database/client.ts'
import { createAuditStore } from '../../../src/database/repositories/audit-store.ts'
import { describeOnBoth, openPostgresBed, readPages } from './identity-stores.ts'

describeOnBoth('the audit store', (bed) => {
  let tenantId: TenantId

  beforeEach(async () => {
    tenantId = await bed().addTenant()
  })

  const newEntry = (fields: Partial<AuditEntry> = {}): AuditEntry => ({
    tenantId,
    doer: { kind: 'tenant_user', id: 'u-1', name: 'ada' },
    action: 'tenant.change_config',
    resource: null,
    address: '198.51.100.7',
    requestId: 'r-1',
    before: { retry: { attempts: 3 } },
    after: null,
    ...fields,
  })

  async function read(query: Partial<AuditQuery> = {}) {
    return (await bed().audit.list({ tenantId, limit: 100, ...query })).entries
  }

  it('keeps an entry as it was given', async () => {
    const given = newEntry({ resource: 'api_key/1', after: ['a', { b: false }] })
    await bed().audit.add(given)
    const [entry] = await read()
    if (entry === undefined) throw new Error('there is no entry')
    const { id, at, ...kept } = entry
    expect(kept).to.deep.equal(given)
    expect(id).to.match(/^[0-9a-f-]{14}7/)
    expect(at).to.be.instanceOf(Date)
  })

  it('lists page after page, newest first, one tenant or all', async () => {
    const before = (await read({ tenantId: undefined })).length
    for (let count = 0; count < 5; count++) await bed().audit.add(newEntry({ requestId: `r-${count}` }))
    expect((await read()).map(({ requestId }) => requestId)).to.deep.equal(['r-4', 'r-3', 'r-2', 'r-1', 'r-0'])
    const ids = (await read()).map(({ id }) => id)
    const pages = await readPages(async (query) => {
      const { entries, next } = await bed().audit.list({ tenantId, ...query })
      return { items: entries, next }
    })
    expect(pages).to.deep.equal([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)])
    await bed().audit.add(newEntry({ tenantId: null, action: 'session.login' }))
    const all = await read({ tenantId: undefined })
    expect(all).to.have.length(before + 6)
    expect(all[0]).to.include({ tenantId: null, action: 'session.login' })
    expect(await read()).to.have.length(5)
  })

  it('finds by action, actor, resource and time', async () => {
    const userId = randomUUIDv7()
    await bed().audit.add(newEntry({ action: 'user.create', resource: 'user/1' }))
    await bed().audit.add(newEntry({ doer: { kind: 'admin', id: userId, name: 'root' }, resource: 'user/2' }))
    await bed().audit.add(newEntry({ doer: { kind: 'anonymous', id: null, name: null } }))
    const [last, , first] = await read()
    if (last === undefined || first === undefined) throw new Error('there are too few')
    expect((await read({ action: 'user.create' })).map(({ id }) => id)).to.deep.equal([first.id])
    expect(await read({ doer: userId })).to.have.length(1)
    expect(await read({ doer: 'root' })).to.have.length(1)
    expect(await read({ doer: 'nobody' })).to.have.length(0)
    expect(await read({ resource: 'user/2', doer: 'root' })).to.have.length(1)
    expect(await read({ resource: 'user/1', doer: 'root' })).to.have.length(0)
    expect(await read({ since: first.at })).to.have.length(3)
    expect(await read({ since: new Date(last.at.getTime() + 1_000) })).to.have.length(0)
    expect(await read({ until: first.at })).to.have.length(0)
    expect(await read({ until: new Date(last.at.getTime() + 1_000) })).to.have.length(3)
  })

  it('keeps an entry whatever characters are in it', async () => {
    const nul = String.fromCharCode(0)
    const text = `a${nul}b\ud800c`
    await bed().audit.add(
      newEntry({
        doer: { kind: 'anonymous', id: null, name: text },
        resource: text,
        before: { [text]: [text, { deep: text }], path: 'C:\\u0000', count: 1 },
        after: { name: undefined, __proto__: null, text },
      }),
    )
    const [entry] = await read()
    const clean = 'a\ufffdb\ufffdc'
    expect(entry?.doer.name).to.equal(clean)
    expect(entry?.resource).to.equal(clean)
    expect(entry?.before).to.deep.equal({ [clean]: [clean, { deep: clean }], path: 'C:\\u0000', count: 1 })
    expect(entry?.after).to.deep.equal({ text: clean })
  })

  it('keeps an entry without the values that are not JSON', async () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    await bed().audit.add(newEntry({ before: circle, after: { count: 1n } }))
    let deep: unknown = null
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    await bed().audit.add(newEntry({ before: deep }))
    const [nested, entry] = await read()
    expect(nested).to.deep.include({ before: '[not JSON]', after: null })
    expect(entry).to.include({ before: '[not JSON]', after: '[not JSON]', action: 'tenant.change_config' })
  })

  it('takes no entry for a tenant that has gone: nothing would remove it', async () => {
    await bed().audit.add(newEntry({ action: 'tenant.pause' }))
    await bed().removeTenant(tenantId)
    await bed().audit.add(newEntry({ action: 'tenant.resume' }))
    expect((await read()).map(({ action }) => action)).not.to.include('tenant.resume')
  })
})

describe('the audit log on PostgreSQL', () => {
  it('comes in shorter pages when its entries are large', async () => {
    await using bed = await openPostgresBed()
    const tenantId = await bed.addTenant()
    const [before, after] = ['x'.repeat(1_000_000), { text: 'y'.repeat(500_000) }]
    const entry = { tenantId, doer: { kind: 'anonymous', id: null, name: null }, resource: null, address: '::1', requestId: 'r' } as const
    for (let count = 0; count < 5; count++) await bed.audit.add({ ...entry, action: 'tenant.change_config', before, after })
    const first = await bed.audit.list({ tenantId, limit: 50 })
    expect(first.entries).to.have.length(3)
    const rest = await bed.audit.list({ tenantId, limit: 50, ...(first.next === undefined ? {} : { after: first.next }) })
    expect(rest.entries).to.have.length(2)
    expect(rest.next).to.equal(undefined)
    expect(new Set([...first.entries, ...rest.entries].map(({ id }) => id)).size).to.equal(5)
  })

  it('finds the entries of an action without reading those of the others', async () => {
    await using bed = await openPostgresBed()
    const tenantId = await bed.addTenant()
    await bed.client.run(
      `insert into audit_log (id, tenant_id, doer_kind, action, address, request_id)
       select gen_random_uuid(), $1, 'anonymous', 'session.login_refused', '::1', 'r' from generate_series(1, 20000)`,
      [tenantId],
    )
    await bed.client.alone((run) => run('analyze audit_log'))
    const plans: string[] = []
    const explaining = toStatements(async (text, values) => {
      plans.push((await bed.client.run(`explain ${text}`, values)).map((row) => row['QUERY PLAN']).join('\n'))
      return bed.client.run(text, values)
    })
    const audit = createAuditStore(explaining, explaining, { read: (work) => work() })
    expect((await audit.list({ tenantId, action: 'user.create', limit: 50 })).entries).to.deep.equal([])
    expect(plans[0]).to.include('audit_log_action_idx')
  })
})

describe('the table of the audit log', () => {
  it('may not be changed by the account that owns it', async () => {
    await using bed = await openPostgresBed()
    const privileges = await bed.client.run(
      "select a.privilege_type as name from pg_class c, aclexplode(c.relacl) a where c.relname = 'audit_log' and a.grantee = c.relowner",
    )
    expect(privileges.map(({ name }) => name))
      .to.include.members(['INSERT', 'SELECT'])
      .and.not.include.members(['UPDATE'])
    expect(privileges.map(({ name }) => name)).not.to.include('TRUNCATE')
  })
})
