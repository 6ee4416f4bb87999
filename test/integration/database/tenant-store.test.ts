import { expect } from 'chai'
import type { Database } from '../../../src/database/index.ts'
import { createListener } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { codeOf, newFailed, newRecord, newTenant, newTenantId } from './fixtures.ts'

const deletion = { mode: 'drain', deadlineAtMs: 5_000 } as const

describe('the tenant store', () => {
  let database: TestDatabase
  let node: Database
  let other: Database

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())

  it('gives back the tenant that it has created', async () => {
    const draft = newTenant({ description: 'a "tenant"', config: { retry: { max: 3 } }, status: 'paused' })
    const tenant = await node.tenants.create(draft)
    expect(tenant).to.deep.include({ ...draft, version: 1 })
    expect(await other.tenants.find(draft.id)).to.deep.equal(tenant)
    expect(await node.tenants.desiredOf(draft.id)).to.deep.equal({
      id: draft.id,
      status: 'paused',
      workers: 3,
      restartGeneration: 0,
      deletion: null,
      config: draft.config,
      version: 1,
    })
    expect(await node.tenants.find(newTenantId())).to.equal(undefined)
  })

  it('leaves nothing of a tenant whose name is taken, so that the id can be used again', async () => {
    const first = await node.tenants.create(newTenant())
    const second = newTenant({ name: first.name })
    expect(await codeOf(node.tenants.create(second))).to.equal('tenant.name_taken')
    expect(await node.tenants.find(second.id)).to.equal(undefined)
    expect(await codeOf(node.messages.record([newRecord(second.id)]))).to.equal('partition.missing')
    await node.tenants.create({ ...second, name: `${second.name} 2` })
  })

  it('gives a name to one of two nodes that ask at once', async () => {
    const name = `contended ${newTenantId()}`
    const codes = await Promise.all([node, other].map((each) => codeOf(each.tenants.create(newTenant({ name })))))
    expect(codes).to.have.members([undefined, 'tenant.name_taken'])
  })

  it('changes what it is told to, raises the version, and minds the version expected', async () => {
    const { id } = await node.tenants.create(newTenant())
    expect(await node.tenants.update(id, { workers: 9, restart: true, description: 'new' })).to.deep.include({
      workers: 9,
      version: 2,
      description: 'new',
    })
    expect((await node.tenants.desiredOf(id))?.restartGeneration).to.equal(1)
    expect(await codeOf(node.tenants.update(id, { workers: 2 }, 1))).to.equal('tenant.version_mismatch')
    expect(await node.tenants.update(id, { config: { a: 1 }, description: null }, 2)).to.deep.include({
      version: 3,
      config: { a: 1 },
      description: null,
    })
    expect(await node.tenants.update(newTenantId(), { workers: 2 })).to.equal(undefined)
    const taken = await node.tenants.create(newTenant())
    expect(await codeOf(node.tenants.update(id, { name: taken.name }))).to.equal('tenant.name_taken')
  })

  it('lets one of many changes that expect the same version through', async () => {
    const { id } = await node.tenants.create(newTenant())
    const codes = await Promise.all(Array.from({ length: 8 }, (_, index) => codeOf(node.tenants.update(id, { workers: index + 1 }, 1))))
    expect(codes.filter((code) => code === undefined)).to.have.length(1)
    expect(codes.filter((code) => code === 'tenant.version_mismatch')).to.have.length(7)
  })

  it('does not change a tenant that is deleting', async () => {
    const { id } = await node.tenants.create(newTenant())
    await node.tenants.update(id, { status: 'deleting', deletion })
    expect((await node.tenants.desiredOf(id))?.deletion).to.deep.equal(deletion)
    expect(await codeOf(node.tenants.update(id, { status: 'active' }))).to.equal('tenant.deleting')
  })

  it('removes a tenant with its messages, keeps a tombstone, and does so twice without harm', async () => {
    const tenant = await node.tenants.create(newTenant())
    await node.messages.record([newRecord(tenant.id)])
    await node.nodes.report([
      { tenantId: tenant.id, state: 'running', currentWorkers: 1, busyWorkers: 0, inFlight: 0, reason: null, circuits: [] },
    ])
    expect(await node.tenants.tombstone(tenant.id)).to.equal(undefined)
    await node.tenants.remove(tenant.id, 7)
    await other.tenants.remove(tenant.id, 0)
    expect(await node.tenants.find(tenant.id)).to.equal(undefined)
    expect((await node.tenants.tombstone(tenant.id))?.discarded).to.equal(7)
    expect(await node.nodes.reportsOf([tenant.id])).to.deep.equal([])
    expect(await codeOf(node.messages.record([newRecord(tenant.id)]))).to.equal('partition.missing')
    await node.tenants.create(newTenant({ id: tenant.id, name: tenant.name }))
    expect((await node.messages.list({ tenantId: tenant.id, limit: 5 })).messages).to.deep.equal([])
    expect(await node.tenants.tombstone(tenant.id)).to.equal(undefined)
  })

  it('removes what the tenant has in the tables of all tenants, however much, and nothing of others', async () => {
    const [gone, kept] = [await node.tenants.create(newTenant()), await node.tenants.create(newTenant())]
    for (const { id } of [gone, kept]) {
      const record = newRecord(id, { settlement: newFailed(1) })
      await node.messages.record([record])
      await node.schedules.schedule([{ ...record, readyAtMs: record.createdAtMs + 1, firstAttempt: 1, body: '1' }])
      await node.idempotency.begin({ tenantId: id, key: 'k', digest: 'd', ids: [record.id] }, 60_000, 60_000)
    }
    for (const [table, column] of [
      ['failed_messages', 'id'],
      ['scheduled_messages', 'id'],
      ['idempotency_keys', 'key'],
    ]) {
      await database.query(
        `insert into ${table} select copy.* from ${table} r, (select gen_random_uuid() as key from generate_series(1, 6000)) new,
           jsonb_populate_record(r, jsonb_build_object('${column}', new.key)) copy where r.tenant_id = $1`,
        [gone.id],
      )
    }
    await node.tenants.remove(gone.id, 0)
    for (const table of ['failed_messages', 'scheduled_messages', 'idempotency_keys']) {
      expect(await database.query(`select tenant_id from ${table} where tenant_id = any ($1)`, [[gone.id, kept.id]])).to.deep.equal([
        { tenant_id: kept.id },
      ])
    }
  })

  it('leaves no message that is scheduled while its tenant is removed', async () => {
    const { id } = await node.tenants.create(newTenant())
    const begun = Promise.withResolvers<void>()
    const scheduling = (async () => {
      for (;;) {
        const message = { ...newRecord(id), readyAtMs: Date.now(), firstAttempt: 1, body: '1' }
        const code = await codeOf(other.schedules.schedule([message]))
        if (code !== undefined) return code
        begun.resolve()
      }
    })()
    await begun.promise
    await node.tenants.remove(id, 0)
    expect(await scheduling).to.equal('tenant.missing')
    expect(await database.query('select from scheduled_messages where tenant_id = $1', [id])).to.deep.equal([])
  })

  it('finishes a removal while another node does the same', async () => {
    const { id } = await node.tenants.create(newTenant())
    await Promise.all([node.tenants.remove(id, 1), other.tenants.remove(id, 1)])
    expect(await node.tenants.find(id)).to.equal(undefined)
  })

  it('lists newest first in pages and finds by part of the name, taken literally', async () => {
    await using own = await createTestDatabase()
    const all = await own.open()
    const created = []
    for (const name of ['100% cotton', 'under_score', 'UnderScore', 'plain']) created.push(await all.tenants.create(newTenant({ name })))
    const first = await all.tenants.list({ limit: 3 })
    expect(first.tenants.map((tenant) => tenant.name)).to.deep.equal(['plain', 'UnderScore', 'under_score'])
    if (first.next === undefined) throw new Error('there is no next page')
    const second = await all.tenants.list({ limit: 3, after: first.next })
    expect(second.tenants.map((tenant) => tenant.name)).to.deep.equal(['100% cotton'])
    expect(second.next).to.equal(undefined)
    const search = async (text: string) => (await all.tenants.list({ limit: 9, search: text })).tenants.map((tenant) => tenant.name)
    expect(await search('%')).to.deep.equal(['100% cotton'])
    expect(await search('R_S')).to.deep.equal(['under_score'])
    expect(await search('underscore')).to.deep.equal(['UnderScore'])
    expect((await all.tenants.list({ limit: 9, status: 'paused' })).tenants).to.deep.equal([])
    expect(await all.tenants.desired()).to.have.length(created.length)
  })

  it('lets one node at a time delete a tenant', async () => {
    const id = newTenantId()
    const [gate, begun] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
    const holding = node.tenants.whileDeleting(id, () => {
      begun.resolve()
      return gate.promise
    })
    await begun.promise
    expect(await other.tenants.whileDeleting(id, async () => 'second')).to.equal(undefined)
    expect(await node.tenants.whileDeleting(id, async () => 'again')).to.equal(undefined)
    expect(await other.tenants.whileDeleting(newTenantId(), async () => 'free')).to.equal('free')
    gate.resolve('first')
    expect(await holding).to.equal('first')
    expect(await codeOf(node.tenants.whileDeleting(id, () => Promise.reject(new Error('failed'))))).to.be.an('error')
    expect(await other.tenants.whileDeleting(id, async () => 'released')).to.equal('released')
  })

  it('tells other nodes of a change, but not itself', async () => {
    const tenantId = newTenantId()
    const [own, others]: [string[], string[]] = [[], []]
    const unsubscribe = [node.hints.subscribe((id) => own.push(id)), other.hints.subscribe((id) => others.push(id))]
    await eventually(() => {
      node.hints.announce(tenantId)
      return others.includes(tenantId)
    })
    for (const end of unsubscribe) end()
    expect(own).to.deep.equal([])
  })

  it('hears again after its connection was ended', async () => {
    const listener = createListener({ url: database.url, schema: 'public', applicationName: 'cut-listener', onError: () => undefined })
    const heard: string[] = []
    listener.listen('wakeups', (payload) => heard.push(payload))
    await eventually(() => {
      node.listener.notify('wakeups', 'before')
      return heard.includes('before')
    })
    await database.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut-listener'")
    await eventually(() => {
      node.listener.notify('wakeups', 'after')
      return heard.includes('after')
    })
    listener.notify('wakeups', 'own')
    await eventually(() => heard.includes('own'))
    await listener.close()
    await listener.close()
  })

  it('keeps installations in one database apart', async () => {
    const settings = { url: database.url, onError: () => undefined }
    const [here, there] = [createListener({ ...settings, schema: 'here' }), createListener({ ...settings, schema: 'there' })]
    const heard: string[] = []
    here.listen('wakeups', (payload) => heard.push(payload))
    await eventually(() => {
      there.notify('wakeups', 'there')
      here.notify('wakeups', 'here')
      return heard.includes('here')
    })
    expect(heard).not.to.include('there')
    await Promise.all([here.close(), there.close()])
  })
})
