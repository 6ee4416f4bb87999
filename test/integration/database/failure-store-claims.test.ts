import { expect } from 'chai'
import { processed, type Settlement } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { ClaimedRetry, ClaimOptions } from '../../../src/core/ports/failure-store.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import type { RetryOrder } from '../../../src/core/retry-policy.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { newFailed, newMessageId, newRecord, newRetrying, newTenant } from './fixtures.ts'

const hourMs = 3_600_000
const options: ClaimOptions = { limit: 100, maxInQueue: 1_000, leaseMs: hourMs }

describe('claims of due failed messages', () => {
  let database: TestDatabase
  let node: Database
  let other: Database
  let tenantId: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    await database.query('delete from failed_messages')
    tenantId = (await node.tenants.create(newTenant())).id
  })

  const dueAgo = (ms: number, order: RetryOrder = 'oldest') => newRetrying(1, { dueAtMs: Date.now() - ms, order })
  const record = async (settlement: Settlement, fields: Partial<MessageRecord> = {}): Promise<MessageRecord> => {
    const written = newRecord(tenantId, { settlement, ...fields })
    await node.messages.record([written])
    return written
  }
  const recordMany = async (count: number, owner = tenantId, toSettlement: (index: number) => Settlement = () => dueAgo(1_000)) => {
    const records = Array.from({ length: count }, (_, index) => newRecord(owner, { settlement: toSettlement(index) }))
    await node.messages.record(records)
    return records
  }
  const claim = (changes: Partial<ClaimOptions> = {}) => node.failures.claimDue({ ...options, ...changes })
  const claimOne = async (changes: Partial<ClaimOptions> = {}): Promise<ClaimedRetry> => {
    const [first, second] = (await claim(changes)).claimed
    if (first === undefined || second !== undefined) throw new Error('not one message is due')
    return first
  }
  const statusOf = async (id: MessageId) => ({
    message: (await node.messages.find(tenantId, id))?.status,
    failed: (await node.failures.find(tenantId, id))?.status,
  })
  const idsOf = (claimed: readonly ClaimedRetry[]) => claimed.map(({ message }) => message.id)

  it('give what is to be published: the next attempt', async () => {
    const { id, createdAtMs } = await record(newRetrying(4, { firstAttempt: 3 }), { attempt: 4, data: '{"a": "ä"}', priority: 1, key: 'k' })
    const { message, failed } = await claimOne()
    expect(message).to.deep.include({ id, tenantId, type: 'order.created', priority: 1, key: 'k', createdAtMs, body: '{"a": "ä"}' })
    expect(message).to.include({ attempt: 5, firstAttempt: 3 })
    expect(message.readyAtMs).to.be.greaterThan(0)
    expect(failed).to.deep.include({ id, status: 'pending', attempts: 4 })
  })

  it('hold until the lease ends: then the message is due again', async () => {
    const { id } = await record(dueAgo(1_000))
    const first = await claimOne({ leaseMs: 300 })
    const again = await eventually(async () => {
      const { claimed, nextDueInMs } = await other.failures.claimDue(options)
      if (claimed.length === 0) expect(nextDueInMs === undefined || nextDueInMs <= 300).to.equal(true)
      expect(claimed).to.have.length(1)
      return claimed
    })
    expect(idsOf(again)).to.deep.equal([id])
    expect(again[0]?.claim).not.to.equal(first.claim)
    expect(again[0]?.message.attempt).to.equal(2)
    // The node that was thought to be dead says what it did: too late.
    await node.failures.republished([first])
    await node.failures.giveBack([first], hourMs)
    await node.failures.giveUp(first, 'late')
    expect(await statusOf(id)).to.deep.equal({ message: 'retrying', failed: 'pending' })
    await other.failures.republished(again)
    expect(await statusOf(id)).to.deep.equal({ message: 'retrying', failed: 'retried' })
  })

  it('tell when the next message is due by the clock of the database', async () => {
    expect(await claim()).to.deep.equal({ claimed: [], more: false, nextDueInMs: undefined, oldestDueMs: undefined })
    await recordMany(3, tenantId, (index) => newRetrying(1, { dueAtMs: Date.now() + hourMs * (index + 1) }))
    const { claimed, more, nextDueInMs } = await claim()
    expect({ claimed, more }).to.deep.equal({ claimed: [], more: false })
    expect(nextDueInMs).to.be.within(hourMs / 2, hourMs * 1.5)
  })

  it('tell for how long the oldest has been due, taken or left, of active tenants', async () => {
    await recordMany(3, tenantId, (index) => dueAgo(hourMs * (index + 1)))
    const ages = [await claim({ limit: 1 }), await claim({ maxInQueue: 1 })].map(({ claimed, oldestDueMs }) => [
      claimed.length,
      Math.floor((oldestDueMs ?? 0) / hourMs),
    ])
    expect(ages).to.deep.equal([
      [1, 3],
      [0, 2],
    ])
    await node.tenants.update(tenantId, { status: 'paused' } as never)
    const paused = await claim({ maxInQueue: 1 })
    expect([paused.more, paused.oldestDueMs]).to.deep.equal([true, undefined])
  })

  for (const status of ['paused', 'drained', 'deleting'] as const) {
    it(`${status === 'paused' ? 'take' : 'leave'} what belongs to a tenant that is ${status}`, async () => {
      await recordMany(2)
      await record(newRetrying(1, { dueAtMs: Date.now() + hourMs }))
      const deletion = status === 'deleting' ? { deletion: { mode: 'drain' as const, deadline: new Date().toISOString() } } : {}
      await node.tenants.update(tenantId, { status, ...deletion } as never)
      const { claimed, more, nextDueInMs } = await claim()
      expect(claimed).to.have.length(status === 'paused' ? 2 : 0)
      expect(more).to.equal(false)
      expect(nextDueInMs === undefined).to.equal(status !== 'paused')
    })
  }

  it('are shared by two nodes without a message in two hands, in either order', async () => {
    for (const order of ['oldest', 'latest'] as const) {
      const records = await recordMany(500, tenantId, () => dueAgo(1_000, order))
      const take = async (store: Database): Promise<ClaimedRetry[]> => {
        const taken: ClaimedRetry[] = []
        for (;;) {
          const { claimed, more } = await store.failures.claimDue({ ...options, limit: 20 })
          taken.push(...claimed)
          if (!more) return taken
        }
      }
      const taken = (await Promise.all([take(node), take(other), take(node), take(other)])).flat()
      expect(taken).to.have.length(500)
      expect(idsOf(taken)).to.have.members(records.map(({ id }) => id))
      await node.failures.republished(taken)
      expect((await node.failures.stats(tenantId)).byStatus).to.include({ pending: 0, retried: 500 })
      await database.query('delete from failed_messages')
    }
  })

  it('and what is said about them never wait for a row that somebody else has locked', async () => {
    const records = await recordMany(3)
    const { claimed } = await claim()
    const holder = await database.open()
    const connection = await holder.pool.connect()
    try {
      await connection.query('begin')
      await connection.query('select from failed_messages where id = $1 for update', [records[0]?.id])
      await node.failures.giveBack(claimed, 0)
      const free = (await claim()).claimed
      expect(idsOf(free)).to.have.members(records.slice(1).map(({ id }) => id))
      await node.failures.republished(claimed)
      await node.failures.republished(free)
      expect(await node.failures.recover(tenantId, 0)).to.equal(2)
    } finally {
      await connection.query('rollback')
      connection.release()
    }
    await node.failures.republished(claimed)
    expect((await node.failures.stats(tenantId)).byStatus).to.include({ retried: 1, pending: 2 })
  })

  it('begin with the newest where the policy says so, then with what is due for the longest time', async () => {
    const base = Date.now() - hourMs
    const write = (order: RetryOrder, createdMinute: number, dueMinute: number) =>
      record(newRetrying(1, { order, dueAtMs: base + dueMinute * 1_000 }), { createdAtMs: base + createdMinute * 1_000 })
    const [oldDueSecond, oldDueFirst] = [await write('oldest', 1, 6), await write('oldest', 2, 5)]
    const [older, newest] = [await write('latest', 3, 1), await write('latest', 9, 9)]
    await record(newRetrying(1, { order: 'latest', dueAtMs: Date.now() + hourMs }), { createdAtMs: base + 20_000 })
    expect(idsOf((await claim({ limit: 3 })).claimed)).to.deep.equal([newest.id, older.id, oldDueFirst.id])
    expect(idsOf((await claim()).claimed)).to.deep.equal([oldDueSecond.id])
  })

  it('take no more of a tenant than its queue may hold, until some of that has an outcome', async () => {
    const records = await recordMany(10)
    const first = await claim({ maxInQueue: 4 })
    expect(first.claimed).to.have.length(4)
    expect(first.more).to.equal(true)
    expect((await claim({ maxInQueue: 4 })).claimed).to.have.length(0)
    await node.failures.republished(first.claimed)
    const full = await claim({ maxInQueue: 4 })
    expect(full).to.deep.include({ claimed: [], more: true })
    const done = records.filter(({ id }) => idsOf(first.claimed).slice(0, 3).includes(id))
    await node.messages.record(done.map((written) => ({ ...written, attempt: 2, settlement: processed })))
    expect((await claim({ maxInQueue: 4 })).claimed).to.have.length(3)
  })

  it('of a dead node do not take the place of others for ever', async () => {
    await recordMany(4)
    await claim({ maxInQueue: 2, leaseMs: 1 })
    const [again, more] = await eventually(async () => {
      const { claimed, more } = await claim({ maxInQueue: 2 })
      expect(claimed).not.to.deep.equal([])
      return [claimed, more] as const
    })
    expect(again).to.have.length(2)
    expect(more).to.equal(true)
  })

  it('are shared evenly among tenants, however much one has', async () => {
    const small = await Promise.all(Array.from({ length: 4 }, async () => (await node.tenants.create(newTenant())).id))
    await recordMany(300)
    for (const owner of small) await recordMany(10, owner)
    const { claimed, more } = await claim({ limit: 50 })
    const counts = [tenantId, ...small].map((owner) => claimed.filter(({ message }) => message.tenantId === owner).length)
    expect(counts).to.deep.equal([10, 10, 10, 10, 10])
    expect(more).to.equal(true)
    expect((await claim({ limit: 50 })).claimed).to.have.length(50)
    // Fewer than tenants: some of them, one message each.
    for (const owner of small) await recordMany(2, owner)
    const few = (await claim({ limit: 3 })).claimed.map(({ message }) => message.tenantId)
    expect(new Set(few).size).to.equal(3)
  })

  it('take large messages a few at a time', async () => {
    const body = Buffer.alloc(6 * 1024 * 1024, ' ')
    for (let index = 0; index < 4; index++) await record(dueAgo(1_000), { data: null, body: () => body })
    const { claimed, more } = await claim()
    expect(claimed).to.have.length(3)
    expect(more).to.equal(true)
    expect((await claim()).claimed).to.have.length(1)
  })

  it('that are given back are due again after the delay', async () => {
    const { id } = await record(dueAgo(1_000))
    const later = await claimOne()
    await node.failures.giveBack([later], hourMs)
    expect((await claim()).nextDueInMs).to.be.within(hourMs / 2, hourMs * 1.5)
    await database.query('update failed_messages set next_retry_at = now() where id = $1', [id])
    await node.failures.giveBack([await claimOne()], 0)
    expect((await claimOne()).message).to.include({ id, attempt: 2 })
    expect((await node.failures.find(tenantId, id))?.retryCount).to.equal(0)
  })

  it('that are given up are failed for good, with their message', async () => {
    const { id } = await record(dueAgo(1_000))
    await node.failures.giveUp(await claimOne(), 'the order\u0000 is gone')
    expect(await statusOf(id)).to.deep.equal({ message: 'failed', failed: 'permanently_failed' })
    const failed = await node.failures.find(tenantId, id)
    expect(failed).to.deep.include({ reason: 'the order\ufffd is gone', nextRetryAt: null })
    expect(failed?.closedAt).to.be.an.instanceOf(Date)
  })

  for (const [name, settlement, failed] of [
    ['processed', processed, 'resolved'],
    ['retrying', newRetrying(2, { dueAtMs: Date.now() + 24 * hourMs }), 'pending'],
    ['failed', newFailed(2), 'permanently_failed'],
  ] as const) {
    it(`that are reported after the outcome is recorded as ${name} change nothing`, async () => {
      const first = await record(dueAgo(1_000))
      const claimed = await claimOne()
      await node.messages.record([{ ...first, attempt: 2, settlement }])
      const before = await node.failures.find(tenantId, first.id)
      await node.failures.republished([claimed])
      await node.failures.giveBack([claimed], 0)
      await node.failures.giveUp(claimed, 'late')
      expect(await node.failures.find(tenantId, first.id)).to.deep.equal(before)
      expect((await statusOf(first.id)).failed).to.equal(failed)
    })
  }

  it('change nothing for a message that has been discarded', async () => {
    const first = await record(dueAgo(1_000))
    const claimed = await claimOne()
    expect(await node.failures.discard(tenantId, { ids: [first.id] })).to.equal(1)
    await node.failures.republished([claimed])
    await node.failures.giveBack([claimed], 0)
    await node.failures.giveUp(claimed, 'late')
    await node.messages.record([{ ...first, attempt: 2, settlement: processed }])
    expect(await statusOf(first.id)).to.deep.equal({ message: 'failed', failed: 'discarded' })
    expect((await claim()).claimed).to.have.length(0)
  })

  it('tolerate that there is nothing to say', async () => {
    await node.failures.republished([])
    await node.failures.giveBack([], 0)
    await node.failures.republished([{ ...(await claimNothing()), claim: newMessageId() }])
  })
  async function claimNothing(): Promise<ClaimedRetry> {
    await record(dueAgo(1_000))
    return claimOne()
  }

  it('that were published and have no outcome for long are found, and recovered when the queue has lost them', async () => {
    const records = await recordMany(3)
    const { claimed } = await claim()
    await node.failures.republished(claimed)
    expect(await node.failures.overdue(hourMs)).to.deep.equal([])
    await database.query("update failed_messages set retried_at = now() - interval '2 hours' where id <> $1", [records[0]?.id])
    expect(await node.failures.overdue(hourMs)).to.deep.equal([tenantId])
    expect(await node.failures.recover(tenantId, hourMs)).to.equal(2)
    expect(await node.failures.recover(tenantId, hourMs)).to.equal(0)
    expect(await node.failures.overdue(hourMs)).to.deep.equal([])
    const again = (await claim()).claimed
    expect(again.map(({ message }) => message.attempt)).to.deep.equal([2, 2])
    expect(again.map(({ failed }) => failed.retryCount)).to.deep.equal([1, 1])
    await node.failures.republished(again)
    // The first copy was not lost after all: its outcome counts, and that of the second changes nothing.
    const [one] = records.filter(({ id }) => idsOf(again).includes(id))
    if (one === undefined) throw new Error('nothing was claimed')
    await node.messages.record([{ ...one, attempt: 2, settlement: processed }])
    await node.messages.record([{ ...one, attempt: 2, settlement: newFailed(2) }])
    expect(await statusOf(one.id)).to.deep.equal({ message: 'processed', failed: 'resolved' })
  })
})
