import { expect } from 'chai'
import { processed, type Settlement } from '../../../src/core/failure.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import { createDatabaseClient } from '../../../src/database/client.ts'
import type { Database } from '../../../src/database/index.ts'
import { createFailureStore } from '../../../src/database/repositories/failure-store.ts'
import { createSlowWork } from '../../../src/database/slow-work.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newFailed, newRecord, newRetrying, newTenant } from './fixtures.ts'

const hourMs = 3_600_000
const options = { limit: 100, maxInQueue: 1_000, leaseMs: hourMs }
const later = (attempt = 1) => newRetrying(attempt, { dueAtMs: Date.now() + hourMs })

describe('failed messages in the hands of operators', () => {
  let database: TestDatabase
  let node: Database
  let tenantId: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    await database.query('delete from failed_messages')
    tenantId = (await node.tenants.create(newTenant())).id
  })

  const record = async (settlement: Settlement, fields: Partial<MessageRecord> = {}): Promise<MessageRecord> => {
    const written = newRecord(tenantId, { settlement, ...fields })
    await node.messages.record([written])
    return written
  }
  const read = async ({ id }: Pick<MessageRecord, 'id'>) => ({
    message: (await node.messages.find(tenantId, id))?.status,
    failed: (await node.failures.find(tenantId, id))?.status,
  })
  const claim = async () => (await node.failures.claimDue(options)).claimed
  /** One message of each status. */
  const recordEach = async () => {
    const [resolved, retried] = [await record(newRetrying(1)), await record(newRetrying(1))]
    await node.failures.republished(await claim())
    await node.messages.record([{ ...resolved, attempt: 2, settlement: processed }])
    const discarded = await record(newFailed(1))
    await node.failures.discard(tenantId, {})
    return { resolved, retried, discarded, pending: await record(later()), failed: await record(newFailed(1)) }
  }

  it('are tried again when they are pending or permanently failed, and only then', async () => {
    const each = await recordEach()
    expect(await node.failures.retry(tenantId, {})).to.equal(2)
    expect(await read(each.pending)).to.deep.equal({ message: 'retrying', failed: 'pending' })
    expect(await read(each.failed)).to.deep.equal({ message: 'retrying', failed: 'pending' })
    expect(await read(each.resolved)).to.deep.equal({ message: 'processed', failed: 'resolved' })
    expect(await read(each.retried)).to.deep.equal({ message: 'retrying', failed: 'retried' })
    expect(await read(each.discarded)).to.deep.equal({ message: 'failed', failed: 'discarded' })
    const claimed = await claim()
    expect(claimed.map(({ message }) => message.id)).to.have.members([each.pending.id, each.failed.id])
    expect(claimed.map(({ failed }) => [failed.reason, failed.closedAt])).to.deep.equal([
      [null, null],
      [null, null],
    ])
  })

  it('are given up when they are pending or permanently failed, and only then', async () => {
    const each = await recordEach()
    expect(await node.failures.discard(tenantId, {})).to.equal(2)
    expect(await read(each.pending)).to.deep.equal({ message: 'failed', failed: 'discarded' })
    expect(await read(each.failed)).to.deep.equal({ message: 'failed', failed: 'discarded' })
    expect(await read(each.resolved)).to.deep.equal({ message: 'processed', failed: 'resolved' })
    expect(await read(each.retried)).to.deep.equal({ message: 'retrying', failed: 'retried' })
    expect(await node.failures.discard(tenantId, {})).to.equal(0)
    expect(await node.failures.retry(tenantId, { ids: [each.discarded.id] })).to.equal(0)
    const { reason, closedAt } = (await node.failures.find(tenantId, each.pending.id)) ?? {}
    expect(reason).to.equal('discarded by an operator')
    expect(closedAt).to.be.an.instanceOf(Date)
  })

  it('have the policy count anew after they had failed for good, and their next attempt counts', async () => {
    const first = await record(newFailed(7), { attempt: 7 })
    expect(await node.failures.retry(tenantId, { ids: [first.id] })).to.equal(1)
    const [claimed] = await claim()
    expect(claimed?.message).to.include({ attempt: 8, firstAttempt: 8 })
    if (claimed !== undefined) await node.failures.republished([claimed])
    await node.messages.record([{ ...first, attempt: 7, settlement: processed }])
    expect(await read(first)).to.deep.equal({ message: 'retrying', failed: 'retried' })
    await node.messages.record([{ ...first, attempt: 8, settlement: later(8) }])
    expect(await node.failures.retry(tenantId, { ids: [first.id] })).to.equal(1)
    expect((await claim())[0]?.message).to.include({ attempt: 9, firstAttempt: 1 })
    await node.messages.record([{ ...first, attempt: 9, settlement: processed }])
    expect(await read(first)).to.deep.equal({ message: 'processed', failed: 'resolved' })
    expect((await node.failures.find(tenantId, first.id))?.history).to.have.length(2)
  })

  it('stay with the node that is publishing them, and count as tried again', async () => {
    await record(newRetrying(1))
    const claimed = await claim()
    expect(await node.failures.retry(tenantId, {})).to.equal(1)
    expect(await claim()).to.deep.equal([])
    await node.failures.republished(claimed)
    expect((await node.failures.stats(tenantId)).byStatus).to.include({ retried: 1, pending: 0 })
  })

  it('are tried again though their message is no longer stored', async () => {
    const first = await record(newFailed(3), { attempt: 3 })
    await database.query('delete from messages where id = $1', [first.id])
    expect(await node.failures.retry(tenantId, {})).to.equal(1)
    await node.messages.record([{ ...first, attempt: 4, settlement: processed }])
    expect(await read(first)).to.deep.equal({ message: 'processed', failed: 'resolved' })
  })

  it('are meant by all conditions of the filter together', async () => {
    const [a, b] = [await record(newFailed(1), { type: 'a' }), await record(newFailed(1), { type: 'b' })]
    const foreign = (await node.tenants.create(newTenant())).id
    expect(await node.failures.retry(foreign, { ids: [a.id, b.id] })).to.equal(0)
    expect(await node.failures.retry(tenantId, { type: 'a', statuses: ['pending'] })).to.equal(0)
    expect(await node.failures.retry(tenantId, { ids: [] })).to.equal(0)
    expect(await node.failures.retry(tenantId, { type: 'a', statuses: ['permanently_failed'] })).to.equal(1)
    expect(await node.failures.discard(tenantId, { type: 'b', error: 'typeerror' })).to.equal(1)
    expect(await read(a)).to.deep.equal({ message: 'retrying', failed: 'pending' })
    expect(await read(b)).to.deep.equal({ message: 'failed', failed: 'discarded' })
  })

  it('that are named do not wait for a command over many of their tenant', async () => {
    const client = createDatabaseClient({
      url: database.url,
      schema: 'public',
      poolSize: 4,
      statementTimeoutMs: 5_000,
      onError: () => undefined,
    })
    const slowWork = createSlowWork(client)
    const named = await record(newFailed(1))
    const end = Promise.withResolvers<void>()
    const many = slowWork.command(tenantId, () => end.promise)
    const store = createFailureStore(client, client, slowWork)
    expect(await store.retry(tenantId, { ids: [named.id] })).to.equal(1)
    const all = store.discard(tenantId, {})
    expect(await read(named)).to.deep.equal({ message: 'retrying', failed: 'pending' })
    end.resolve()
    await many
    expect(await all).to.equal(1)
    await client.close()
  })

  it('are as many as are counted before', async () => {
    await recordEach()
    const letter = { tenantId, id: undefined, type: undefined, priority: 0, key: null, createdAtMs: Date.now(), attempt: 1 } as const
    await node.failures.recordDeadLetter({
      ...letter,
      body: Buffer.from('x'),
      reason: 'undecodable',
      detail: 'no type',
      redelivered: false,
    })
    const filter = { statuses: ['pending', 'permanently_failed'] } as const
    const retryable = await node.failures.count(tenantId, { ...filter, isPublishable: true })
    expect(retryable).to.equal(2)
    expect(await node.failures.retry(tenantId, { ...filter, isPublishable: true })).to.equal(retryable)
    expect(await node.failures.count(tenantId, filter)).to.equal(3)
    expect(await node.failures.discard(tenantId, filter)).to.equal(3)
  })

  it('are changed batch after batch, each once, however many there are', async () => {
    const records = Array.from({ length: 2_500 }, (_, index) =>
      newRecord(tenantId, { settlement: index % 2 === 0 ? newFailed(1) : later() }),
    )
    for (let from = 0; from < records.length; from += 500) await node.messages.record(records.slice(from, from + 500))
    expect(await node.failures.retry(tenantId, {})).to.equal(2_500)
    expect((await node.failures.stats(tenantId)).byStatus).to.include({ pending: 2_500, permanently_failed: 0 })
    expect((await node.messages.list({ tenantId, status: 'retrying', limit: 2_500 })).messages).to.have.length(2_500)
    expect(await node.failures.discard(tenantId, {})).to.equal(2_500)
    expect((await node.messages.list({ tenantId, status: 'failed', limit: 2_500 })).messages).to.have.length(2_500)
  })

  it('never make nodes wait for each other in a circle, nor leave a message without its failed message', async () => {
    const other = await database.open()
    const ids = Array.from({ length: 40 }, () => newRecord(tenantId).id)
    const shuffled = () => ids.toSorted(() => Math.random() - 0.5).slice(0, 30)
    const outcomes = [processed, newRetrying(1), newRetrying(1), newRetrying(1), newFailed(1)]
    const write = async (store: Database, attempt: number) => {
      const pick = () => outcomes[Math.floor(Math.random() * outcomes.length)] ?? processed
      await store.messages.record(shuffled().map((id) => newRecord(tenantId, { id, attempt, settlement: pick() })))
    }
    const publish = async (store: Database) => {
      const { claimed } = await store.failures.claimDue({ ...options, limit: 20 })
      await store.failures.republished(claimed.slice(0, 12))
      await store.failures.giveBack(claimed.slice(12, 18), 0)
      for (const claim of claimed.slice(18)) await store.failures.giveUp(claim, 'no')
      await store.failures.recover(tenantId, 0)
    }
    const operate = async (store: Database) => {
      await store.failures.retry(tenantId, { ids: shuffled() })
      await store.failures.discard(tenantId, { ids: shuffled().slice(0, 3) })
    }
    // A circle would end one of the calls with an error.
    for (let round = 1; round <= 15; round++) {
      await Promise.all([node, other].flatMap((store) => [write(store, round), write(store, round), publish(store), operate(store)]))
    }
    const wrong = await database.query(
      `select m.id, m.status, m.attempts, f.status as failed, f.attempts as failed_attempts
       from messages m full join failed_messages f on f.tenant_id = m.tenant_id and f.id = m.id
       where coalesce(m.tenant_id, f.tenant_id) = $1 and coalesce(m.status || ':' || coalesce(f.status, ''), 'none') not in (
         'processed:', 'processed:resolved', 'retrying:pending', 'retrying:retried', 'failed:permanently_failed', 'failed:discarded')`,
      [tenantId],
    )
    expect(wrong).to.deep.equal([])
  })
})
