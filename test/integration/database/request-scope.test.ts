import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { codeOf, newFailed, newMessageId, newRecord, newRetrying, newTenant, newTenantId } from './fixtures.ts'
import { createTenantWithRows, type TenantWithRows } from './tenants-rows.ts'

const toScheduled = (tenantId: TenantId, readyAtMs: number) => ({ ...newRecord(tenantId), readyAtMs, firstAttempt: 1, body: '1' })

describe('a request of a tenant', () => {
  let database: TestDatabase
  let node: Database
  let a: TenantWithRows
  let b: TenantWithRows

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    a = await createTenantWithRows(database, node)
    b = await createTenantWithRows(database, node)
  })
  after(() => database[Symbol.asyncDispose]())

  const asA = <T>(work: () => T): T => node.asTenant(a.id, work)
  const rowsOf = (tenantId: TenantId) =>
    database.query(
      `select to_jsonb(m) as row from messages m where tenant_id = $1
       union all select to_jsonb(f) from failed_messages f where tenant_id = $1
       union all select to_jsonb(s) from scheduled_messages s where tenant_id = $1
       union all select to_jsonb(k) from idempotency_keys k where tenant_id = $1
       union all select to_jsonb(t) from tenants t where id = $1 order by 1`,
      [tenantId],
    )

  it('finds what is its own by every method that serves requests', async () => {
    await asA(async () => {
      expect(await node.messages.find(a.id, a.messageId)).to.include({ id: a.messageId })
      expect((await node.messages.list({ tenantId: a.id, limit: 9 })).messages).to.have.length(2)
      expect(await node.failures.find(a.id, a.failedId)).to.include({ id: a.failedId })
      expect((await node.failures.list({ tenantId: a.id, limit: 9 })).failed).to.have.length(1)
      expect(await node.failures.count(a.id, {})).to.equal(1)
      expect((await node.failures.stats(a.id)).byStatus.permanently_failed).to.equal(1)
      expect(await node.schedules.find(a.id, a.scheduledId)).to.include({ id: a.scheduledId })
      expect((await node.schedules.list({ tenantId: a.id, limit: 9 })).messages).to.have.length(1)
      expect(await node.tenants.find(a.id)).to.include({ id: a.id })
    })
  })

  it('finds nothing of another tenant, whatever it asks for', async () => {
    await asA(async () => {
      expect(await node.messages.find(b.id, b.messageId)).to.equal(undefined)
      expect((await node.messages.list({ tenantId: b.id, limit: 9 })).messages).to.deep.equal([])
      expect((await node.messages.list({ tenantId: undefined, limit: 9 })).messages.map(({ tenantId }) => tenantId)).to.deep.equal([
        a.id,
        a.id,
      ])
      expect(await node.failures.find(b.id, b.failedId)).to.equal(undefined)
      expect((await node.failures.list({ tenantId: b.id, limit: 9 })).failed).to.deep.equal([])
      expect(await node.failures.count(b.id, {})).to.equal(0)
      expect((await node.failures.stats(undefined)).byStatus.permanently_failed).to.equal(1)
      expect(await node.schedules.find(b.id, b.scheduledId)).to.equal(undefined)
      expect((await node.schedules.list({ tenantId: b.id, limit: 9 })).messages).to.deep.equal([])
      expect(await node.tenants.find(b.id)).to.equal(undefined)
      expect((await node.tenants.list({ limit: 9 })).tenants.map(({ id }) => id)).to.deep.equal([a.id])
      expect(await node.tenants.tombstone(b.id)).to.equal(undefined)
    })
  })

  it('changes nothing of another tenant', async () => {
    const before = await rowsOf(b.id)
    await asA(async () => {
      expect(await node.failures.retry(b.id, {})).to.equal(0)
      expect(await node.failures.retry(b.id, { ids: [b.failedId] })).to.equal(0)
      expect(await node.failures.discard(b.id, {})).to.equal(0)
      expect(await node.schedules.cancel(b.id, b.scheduledId)).to.equal('absent')
      expect(await node.tenants.update(b.id, { workers: 50 })).to.equal(undefined)
      await node.idempotency.finish(b.id, 'k')
      await node.idempotency.release(b.id, 'k')
      expect(await codeOf(node.schedules.schedule([toScheduled(b.id, Date.now() + 60_000)]))).to.equal('internal')
      const key = { tenantId: b.id, key: 'new', digest: 'd', ids: [] }
      expect(await codeOf(node.idempotency.begin(key, 1_000, 1_000))).to.equal('internal')
    })
    expect(await rowsOf(b.id)).to.deep.equal(before)
  })

  it('does all that a tenant may ask for', async () => {
    const own = await createTenantWithRows(database, node)
    await node.asTenant(own.id, async () => {
      expect(await node.failures.retry(own.id, { ids: [own.failedId] })).to.equal(1)
      expect(await node.failures.discard(own.id, {})).to.equal(1)
      const message = toScheduled(own.id, Date.now() + 60_000)
      await node.schedules.schedule([message, message])
      expect(await node.schedules.cancel(own.id, message.id)).to.equal('cancelled')
      const key = { tenantId: own.id, key: 'own', digest: 'd', ids: [newMessageId()] }
      expect(await node.idempotency.begin(key, 60_000, 60_000)).to.include({ kind: 'first' })
      await node.idempotency.release(own.id, 'own')
      expect(await node.idempotency.begin(key, 60_000, 60_000)).to.include({ kind: 'repeat' })
      await node.idempotency.finish(own.id, 'own')
      expect(await node.idempotency.begin(key, 60_000, 60_000)).to.include({ kind: 'published' })
      expect(await node.tenants.update(own.id, { workers: 9, config: { a: 1 }, restart: true })).to.include({ workers: 9, version: 2 })
      expect(await codeOf(node.tenants.update(own.id, { workers: 1 }, 1))).to.equal('tenant.version_mismatch')
      const { name } = (await node.asTenant(undefined, () => node.tenants.find(a.id))) ?? {}
      expect(await codeOf(node.tenants.update(own.id, { name: String(name) }))).to.equal('tenant.name_taken')
      await node.tenants.update(own.id, { status: 'deleting', deletion: { mode: 'discard', deadlineAtMs: 0 } })
      await node.tenants.remove(own.id, 0)
      expect((await node.tenants.tombstone(own.id))?.discarded).to.equal(1)
    })
    expect(await node.tenants.find(own.id)).to.equal(undefined)
  })

  it('does not reach what actors, the ledger and logins ask, which have the context of whatever began them', async () => {
    const [retrying, gone] = [newRecord(b.id, { settlement: newRetrying(1) }), await node.tenants.create(newTenant())]
    await asA(async () => {
      await node.messages.record([retrying, newRecord(b.id), newRecord(b.id, { settlement: newFailed(1) })])
      expect((await node.messages.statuses([{ tenantId: b.id, id: b.messageId }])).size).to.equal(1)
      expect((await node.tenants.desiredOf(b.id))?.id).to.equal(b.id)
      expect((await node.tenants.desired()).map(({ id }) => id)).to.include.members([a.id, b.id, gone.id])
      await node.tenants.ensurePartition(b.id)
      const { claimed } = await node.failures.claimDue({ limit: 9, maxInQueue: 9, leaseMs: 60_000 })
      expect(claimed.map(({ message }) => message.id)).to.deep.equal([retrying.id])
      await node.failures.giveBack(claimed, 60_000)
      expect((await node.nodes.reportsOf([b.id])).map(({ tenantId }) => tenantId)).to.deep.equal([b.id])
      const isRemoved = await node.tenants.whileDeleting(gone.id, () => node.tenants.remove(gone.id, 0).then(() => true))
      expect(isRemoved).to.equal(true)
      const created = await node.tenants.create(newTenant())
      expect(await node.users.findForLogin(b.id, 'u')).to.include({ tenantId: b.id })
      expect(await node.tenants.find(created.id)).to.equal(undefined)
    })
    expect(await node.tenants.find(gone.id)).to.equal(undefined)
  })

  it('is told from requests of other tenants and of the platform that run beside it, also while they wait for their turns', async () => {
    const seenBy = async (tenantId: TenantId | undefined) => {
      const { messages } = await node.asTenant(tenantId, () => node.messages.list({ tenantId: undefined, limit: 50 }))
      return new Set(messages.map((message) => message.tenantId))
    }
    // Of four connections one is for lists.
    const asked = Array.from({ length: 30 }, (_, index) => [a.id, b.id, undefined][index % 3])
    const answers = await Promise.all(asked.map(seenBy))
    for (const [index, tenantId] of asked.entries()) {
      if (tenantId === undefined) expect(answers[index]).to.include.keys([a.id, b.id])
      else expect([...(answers[index] ?? [])]).to.deep.equal([tenantId])
    }
  })

  it('leaves no tenant behind on the connections that requests share', async () => {
    await Promise.all(Array.from({ length: 8 }, () => asA(() => node.messages.find(a.id, a.messageId))))
    const sessions = await database.query<{ state: string }>(
      "select state from pg_stat_activity where datname = current_database() and application_name = 'tenantry-requests'",
    )
    expect(sessions.length).to.be.within(1, 4)
    for (const { state } of sessions) expect(state).to.equal('idle')
    expect(await node.asTenant(newTenantId(), () => node.tenants.list({ limit: 9 }))).to.deep.equal({ tenants: [], next: undefined })
  })

  it('is answered with the same errors as without a tenant, stores nothing by half, and goes on', async () => {
    const poison = { ...toScheduled(a.id, Date.now() + 60_000), type: 'nul \0' }
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => asA(() => codeOf(node.schedules.schedule([toScheduled(a.id, 1), poison])))),
    )
    expect(new Set(codes)).to.deep.equal(new Set(['database.refused_row']))
    expect((await node.schedules.list({ tenantId: a.id, limit: 9 })).messages).to.have.length(1)
    const missing = newTenantId()
    const orphan = () => node.schedules.schedule([toScheduled(missing, 1)])
    expect(await node.asTenant(missing, () => codeOf(orphan()))).to.equal('tenant.missing')
    expect(await asA(() => node.messages.find(a.id, a.messageId))).to.include({ id: a.messageId })
  })

  it('is unavailable after the server ended its connections, and is answered again', async () => {
    const ask = () => asA(() => codeOf(node.messages.find(a.id, a.messageId)))
    const asked = Array.from({ length: 20 }, ask)
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'tenantry-requests'`,
    )
    for (const code of await Promise.all(asked)) expect(code).to.be.oneOf([undefined, 'database.unavailable'])
    for (let attempt = 1; attempt <= 5; attempt++) await ask()
    expect(await ask()).to.equal(undefined)
  })
})
