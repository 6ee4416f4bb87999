import { expect } from 'chai'
import { processed } from '../../../src/core/failure.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { DeadLetter } from '../../../src/core/ports/broker.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { codeOf, newFailed, newMessageId, newRecord, newRetrying, newTenant, newTenantId } from './fixtures.ts'

describe('dead letters in the failure store', () => {
  let database: TestDatabase
  let node: Database
  let tenantId: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    tenantId = (await node.tenants.create(newTenant())).id
  })

  const newLetter = (fields: Partial<DeadLetter> = {}): DeadLetter => ({
    tenantId,
    id: newMessageId(),
    type: 'order.created',
    priority: 1,
    key: 'k',
    createdAtMs: 1_700_000_000_000,
    attempt: 2,
    body: Buffer.from('{"a":1}'),
    reason: 'delivery_limit',
    detail: 'delivered 20 times',
    redelivered: false,
    ...fields,
  })
  const list = async () => (await node.failures.list({ tenantId, limit: 10 })).failed

  it('are permanently failed with their message when they have its id and type', async () => {
    const letter = newLetter()
    await node.failures.recordDeadLetter(letter)
    const [failed] = await list()
    expect(failed).to.deep.include({
      id: letter.id,
      type: 'order.created',
      status: 'permanently_failed',
      attempts: 2,
      priority: 1,
      key: 'k',
    })
    expect(failed).to.deep.include({ errorClass: 'DeliveryLimit', error: 'delivered 20 times', createdAt: new Date(letter.createdAtMs) })
    expect(failed?.reason).to.be.a('string')
    const message = await node.messages.find(tenantId, failed?.id ?? newMessageId())
    expect(message).to.deep.include({ status: 'failed', attempts: 2, data: { a: 1 } })
    await node.failures.recordDeadLetter({ ...letter, redelivered: true })
    expect(await list()).to.deep.equal([failed])
    expect(await node.failures.retry(tenantId, {})).to.equal(1)
  })

  for (const [name, body] of Object.entries({
    'no JSON': Buffer.from('{'),
    'no UTF-8': Buffer.from([0xff, 0x00]),
    'JSON that the database refuses': Buffer.from('"\\u0000"'),
    nothing: Buffer.alloc(0),
  })) {
    it(`keep a body that is ${name} in the failed message, and the message has no data`, async () => {
      const letter = newLetter({ body, type: 'a\u0000b', key: '\ud800' })
      await node.failures.recordDeadLetter(letter)
      const [failed] = await list()
      expect(body.equals(Buffer.from(failed?.body ?? []))).to.equal(true)
      expect(failed).to.include({ type: 'a\ufffdb', key: '\ufffd' })
      expect(await node.messages.find(tenantId, failed?.id ?? newMessageId())).to.include({ status: 'failed', data: null })
    })
  }

  it('change nothing when the outcome of that attempt is recorded', async () => {
    const records = [processed, newFailed(1), newRetrying(2)].map((settlement, index) =>
      newRecord(tenantId, { settlement, attempt: index === 2 ? 2 : 1 }),
    )
    await node.messages.record(records)
    const before = await list()
    const body = Buffer.from('{ "amount": 1.0 }')
    for (const { id } of records) await node.failures.recordDeadLetter(newLetter({ id, attempt: 2, body }))
    expect(await list()).to.deep.equal(before)
  })

  it('whose id is that of another message are kept under a new one, each once', async () => {
    const [done, failed] = [newRecord(tenantId), newRecord(tenantId, { settlement: newFailed(1) })]
    await node.messages.record([done, failed])
    const strange = { reason: 'undecodable', detail: 'its body is not UTF-8', body: Buffer.from([0xff, 0xfe]), attempt: 1 } as const
    for (const { id } of [done, failed]) {
      for (const redelivered of [false, true]) await node.failures.recordDeadLetter(newLetter({ ...strange, id, redelivered }))
    }
    const letters = (await list()).filter(({ type }) => type === null)
    expect(letters.map(({ body }) => Buffer.from(body).toString('hex'))).to.deep.equal(['fffe', 'fffe'])
    for (const { id } of [done, failed]) {
      expect(letters.map(({ error }) => error)).to.include(`its body is not UTF-8; its id ${id} is that of another message`)
    }
    expect(await node.messages.find(tenantId, done.id)).to.include({ status: 'processed' })
    expect(Buffer.from((await node.failures.find(tenantId, failed.id))?.body ?? []).toString()).to.equal('{"amount": 1}')
  })

  it('without a type and with the same id are kept, each once', async () => {
    const letter = newLetter({ type: undefined, reason: 'undecodable' })
    for (const text of ['one', 'two', 'three']) {
      for (const redelivered of [false, true]) await node.failures.recordDeadLetter({ ...letter, body: Buffer.from(text), redelivered })
    }
    expect((await list()).map(({ body }) => Buffer.from(body).toString())).to.have.members(['one', 'two', 'three'])
    expect((await node.failures.find(tenantId, letter.id ?? newMessageId()))?.error).to.equal('delivered 20 times')
  })

  it('of any attempt are kept', async () => {
    await node.failures.recordDeadLetter(newLetter({ attempt: 3_000_000_000 }))
    await node.failures.recordDeadLetter(newLetter({ attempt: 3_000_000_000, type: undefined, id: undefined }))
    expect(await list()).to.have.length(2)
  })

  it('end the retries of a message whose next attempt was delivered too often', async () => {
    const record = newRecord(tenantId, { settlement: newRetrying(1), data: '{"b": 2}' })
    await node.messages.record([record])
    await node.failures.republished((await node.failures.claimDue({ limit: 9, maxInQueue: 9, leaseMs: 60_000 })).claimed)
    await node.failures.recordDeadLetter(newLetter({ id: record.id, attempt: 2, body: Buffer.from([0xff]) }))
    expect((await list())[0]).to.include({ id: record.id, status: 'permanently_failed', attempts: 2, errorClass: 'DeliveryLimit' })
    expect(await node.messages.find(tenantId, record.id)).to.deep.include({ status: 'failed', attempts: 2, data: { b: 2 } })
  })

  it('get an id of their own when they have none, and nobody tries them again', async () => {
    const letter = newLetter({ id: undefined, type: undefined, reason: 'undecodable', body: Buffer.from([0, 1, 255]) })
    await node.failures.recordDeadLetter(letter)
    const [failed] = await list()
    expect(failed).to.deep.include({ type: null, status: 'permanently_failed', errorClass: 'Undecodable', history: [] })
    expect(failed?.id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(await node.messages.find(tenantId, failed?.id ?? newMessageId())).to.equal(undefined)
    expect(await node.failures.retry(tenantId, {})).to.equal(0)
    expect(await node.failures.discard(tenantId, {})).to.equal(1)
    expect((await list())[0]?.status).to.equal('discarded')
  })

  it('without an id are recognized by their bytes when they were handed out before', async () => {
    const letter = newLetter({ id: undefined, type: undefined, reason: 'undecodable' })
    await node.failures.recordDeadLetter(letter)
    await node.failures.recordDeadLetter({ ...letter, redelivered: true })
    expect(await list()).to.have.length(1)
    // The same bytes once more, and others: letters of their own.
    await node.failures.recordDeadLetter(letter)
    await node.failures.recordDeadLetter({ ...letter, redelivered: true, body: Buffer.from('other') })
    expect(await list()).to.have.length(3)
    await database.query("update failed_messages set failed_at = now() - interval '8 days' where tenant_id = $1", [tenantId])
    await node.failures.recordDeadLetter({ ...letter, redelivered: true })
    expect(await list()).to.have.length(4)
  })

  it('without a type keep their id, until a message with that id fails', async () => {
    const letter = newLetter({ type: undefined, reason: 'undecodable' })
    const id = letter.id ?? newMessageId()
    for (const redelivered of [false, true]) await node.failures.recordDeadLetter({ ...letter, redelivered })
    expect((await list()).map((failed) => [failed.id, failed.type])).to.deep.equal([[id, null]])
    await node.messages.record([newRecord(tenantId, { id, data: '{"real": true}', settlement: newRetrying(1) })])
    const [failed] = await list()
    expect(failed).to.include({ id, type: 'order.created', status: 'pending', closedAt: null })
    expect(Buffer.from(failed?.body ?? []).toString()).to.equal('{"real": true}')
  })

  it('of a tenant that is gone are not kept, or have no partition', async () => {
    const gone = newTenantId()
    await node.failures.recordDeadLetter(newLetter({ tenantId: gone, id: undefined, type: undefined }))
    expect(await node.failures.count(gone, {})).to.equal(0)
    expect(await codeOf(node.failures.recordDeadLetter(newLetter({ tenantId: gone })))).to.equal('partition.missing')
  })
})
