import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { TenantReport } from '../../../src/core/ports/tenant-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newTenant, newTenantId } from './fixtures.ts'

const newReport = (tenantId: TenantId, state = 'running'): TenantReport => ({
  tenantId,
  state,
  currentWorkers: 2,
  busyWorkers: 1,
  inFlight: 5,
  reason: null,
  circuits: [{ destination: 'mail.example', state: 'open', untilMs: 1_800_000_000_000, reason: 'refused' }],
})

describe('nodes', () => {
  let database: TestDatabase
  let first: Database
  let second: Database
  let tenantId: TenantId

  beforeEach(async () => {
    database = await createTestDatabase()
    first = await database.open({ nodeId: 'first', role: 'worker' })
    second = await database.open({ nodeId: 'second', role: 'api' })
    tenantId = (await first.tenants.create(newTenant())).id
  })
  afterEach(() => database[Symbol.asyncDispose]())

  it('report for one another, and their newest report counts', async () => {
    await first.nodes.report([newReport(tenantId, 'attaching'), newReport(newTenantId())])
    await first.nodes.report([newReport(tenantId)])
    await first.nodes.report([])
    expect(await second.nodes.reportsOf([tenantId, newTenantId()])).to.deep.equal([{ ...newReport(tenantId), nodeId: 'first' }])
    await first.nodes.forget([tenantId])
    expect(await second.nodes.reportsOf([tenantId])).to.deep.equal([])
  })

  it('count the other workers that are alive', async () => {
    await Promise.all([first.nodes.report([]), second.nodes.report([])])
    expect(await second.nodes.otherWorkers()).to.equal(1)
    expect(await first.nodes.otherWorkers()).to.equal(0)
    expect(await first.nodes.alive()).to.deep.equal([
      { node: 'first', role: 'worker' },
      { node: 'second', role: 'api' },
    ])
    await first.nodes.leave()
    expect(await second.nodes.otherWorkers()).to.equal(0)
  })

  it('count as dead 16 s after their last report, with what they reported, and alive again with the next', async () => {
    await first.nodes.report([newReport(tenantId)])
    await database.query("update nodes set seen_at = now() - interval '16 seconds'")
    expect(await second.nodes.reportsOf([tenantId])).to.deep.equal([])
    expect(await second.nodes.otherWorkers()).to.equal(0)
    expect(await second.nodes.alive()).to.deep.equal([])
    await first.nodes.report([])
    expect(await second.nodes.reportsOf([tenantId])).to.have.length(1)
  })

  it('are removed with their reports when silent for an hour', async () => {
    await first.nodes.report([newReport(tenantId)])
    await database.query("update nodes set seen_at = now() - interval '61 minutes'")
    await second.nodes.report([])
    expect(await database.query('select node_id from nodes')).to.deep.equal([{ node_id: 'second' }])
    expect(await database.query('select 1 from tenant_reports')).to.deep.equal([])
  })

  it('leave without an error when the database is gone, and tell of it', async () => {
    const errors: Error[] = []
    const third = await database.open({ onError: (error) => errors.push(error) })
    await third.close()
    await third.close()
    await third.nodes.leave()
    expect(errors).to.have.length(1)
  })
})

describe('the auth store', () => {
  let database: TestDatabase
  let node: Database
  let other: Database

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())

  it('makes one admin when several nodes try at once', async () => {
    expect(await node.auth.findAdmin('a')).to.equal(undefined)
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((username, index) =>
        (index % 2 ? node : other).auth.createAdminIfNone({ username, passwordHash: 'hash', appliedHash: null }),
      ),
    )
    expect(made.filter(Boolean)).to.have.length(1)
    const username = ['a', 'b', 'c', 'd'][made.indexOf(true)] ?? ''
    expect(await node.auth.findAdmin(username)).to.include({ username, passwordHash: 'hash' })
    expect(await node.auth.replaceAdminPassword(username, 'another', 'new')).to.equal(false)
    expect(await node.auth.replaceAdminPassword(username, 'hash', 'new')).to.equal(true)
    expect(await other.auth.findAdmin(username)).to.include({ passwordHash: 'new', appliedHash: null })
    expect(await node.auth.replaceAdminPassword('nobody', 'new', 'newer')).to.equal(false)
    await node.auth.noteAppliedPassword(username, 'noted')
    expect(await other.auth.findAdmin(username)).to.include({ passwordHash: 'new', appliedHash: 'noted' })
    expect(await node.auth.applyAdminPassword(username, 'applied')).to.equal(true)
    expect(await other.auth.findAdmin(username)).to.include({ passwordHash: 'applied', appliedHash: 'applied' })
    expect(await node.auth.applyAdminPassword('nobody', 'applied')).to.equal(false)
  })
})
