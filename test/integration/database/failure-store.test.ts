import { expect } from 'chai'
import type { FailedMessage, FailedStatus, Settlement } from '../../../src/core/failure.ts'
import { maxHistory, processed } from '../../../src/core/failure.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import type { FailedPosition, FailedQuery } from '../../../src/core/ports/failure-store.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { codeOf, newFailed, newMessageId, newRecord, newRetrying, newTenant, newTenantId } from './fixtures.ts'

describe('failed messages', () => {
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

  const record = async (attempt: number, settlement: Settlement, fields: Partial<MessageRecord> = {}): Promise<MessageRecord> => {
    const written = newRecord(tenantId, { attempt, settlement, ...fields })
    await node.messages.record([written])
    return written
  }
  /** The status of the message and of its failed message. */
  const read = async ({ id }: Pick<MessageRecord, 'id'>) => {
    const message = await node.messages.find(tenantId, id)
    const failed = await node.failures.find(tenantId, id)
    return { message: message?.status, attempts: message?.attempts, failed: failed?.status, failedAttempts: failed?.attempts }
  }
  const findFailed = async ({ id }: Pick<MessageRecord, 'id'>): Promise<FailedMessage> => {
    const failed = await node.failures.find(tenantId, id)
    if (failed === undefined) throw new Error('there is no failed message')
    return failed
  }

  describe('as the ledger records them', () => {
    it('are none while messages are processed at the first attempt', async () => {
      const done = await record(1, processed)
      expect(await read(done)).to.deep.equal({ message: 'processed', attempts: 1, failed: undefined, failedAttempts: undefined })
    })

    it('are pending until they are due when there is another attempt', async () => {
      const dueAtMs = Date.now() + 60_000
      const settlement = newRetrying(1, { dueAtMs })
      const { id } = await record(1, settlement, { priority: 2, key: 'k', data: '{"a": "ä"}' })
      const failed = await findFailed({ id })
      expect(failed).to.deep.include({ id, tenantId, type: 'order.created', priority: 2, key: 'k', status: 'pending', attempts: 1 })
      expect(failed).to.deep.include({
        retryCount: 0,
        nextRetryAt: new Date(dueAtMs),
        errorClass: 'TypeError',
        reason: null,
        closedAt: null,
      })
      expect(failed.error).to.equal('order 1 is not there')
      expect(failed.history).to.deep.equal(settlement.kind === 'retrying' ? settlement.history : [])
      expect(Buffer.from(failed.body).toString()).to.equal('{"a": "ä"}')
      expect(await read({ id })).to.deep.include({ message: 'retrying', attempts: 1 })
    })

    it('are permanently failed when there is none', async () => {
      const failed = await findFailed(await record(1, newFailed(1)))
      expect(failed).to.deep.include({ status: 'permanently_failed', nextRetryAt: null, reason: 'all attempts have failed' })
      expect(failed.closedAt).to.be.an.instanceOf(Date)
      expect(await read(failed)).to.deep.include({ message: 'failed', attempts: 1 })
    })

    for (const [name, settlement, message, failed] of [
      ['resolved when a later attempt has succeeded', processed, 'processed', 'resolved'],
      ['pending again when a later attempt has failed', newRetrying(2), 'retrying', 'pending'],
      ['permanently failed when the last attempt has failed', newFailed(2), 'failed', 'permanently_failed'],
    ] as const) {
      it(`are ${name}, whether or not the node lived to say that it had published it`, async () => {
        for (const isSaid of [true, false]) {
          const first = await record(1, newRetrying(1))
          const { claimed } = await node.failures.claimDue({ limit: 100, maxInQueue: 100, leaseMs: 60_000 })
          if (isSaid) await node.failures.republished(claimed)
          await node.messages.record([{ ...first, attempt: 2, settlement }])
          expect(await read(first)).to.deep.equal({ message, attempts: 2, failed, failedAttempts: 2 })
          expect((await findFailed(first)).retryCount).to.equal(1)
          expect((await findFailed(first)).closedAt === null).to.equal(failed === 'pending')
        }
      })
    }

    for (const later of [processed, newRetrying(1), newRetrying(2), newFailed(2)]) {
      it(`stay as they are once they are closed, and a later attempt is ${later.kind}`, async () => {
        const done = await record(1, processed)
        const failed = await record(1, newFailed(1))
        await node.messages.record([done, failed].map((earlier) => ({ ...earlier, attempt: 2, settlement: later })))
        expect(await read(done)).to.deep.include({ message: 'processed', attempts: 1, failed: undefined })
        expect(await read(failed)).to.deep.include({ message: 'failed', attempts: 1, failed: 'permanently_failed' })
      })

      it(`stay as they are when an attempt that is recorded is ${later.kind} once more`, async () => {
        const { id } = await record(3, newRetrying(3, { dueAtMs: Date.now() + 60_000 }))
        const before = await findFailed({ id })
        for (const attempt of [1, 2, 3]) await record(attempt, later, { id })
        expect(await findFailed({ id })).to.deep.equal(before)
        expect(await read({ id })).to.deep.include({ message: 'retrying', attempts: 3 })
      })
    }

    it('count the highest attempt when one call has several of a message', async () => {
      const id = newMessageId()
      const records = [newRetrying(1), newRetrying(3), newFailed(2), processed].map((settlement, index) =>
        newRecord(tenantId, { id, attempt: [1, 3, 2, 1][index] ?? 1, settlement }),
      )
      await node.messages.record(records)
      expect(await read({ id })).to.deep.equal({ message: 'retrying', attempts: 3, failed: 'pending', failedAttempts: 3 })
      const upper = newRecord(tenantId, { id: id.toUpperCase() as typeof id, attempt: 4, settlement: processed })
      await node.messages.record([newRecord(tenantId, { id, attempt: 4, settlement: processed }), upper])
      expect(await read({ id })).to.deep.equal({ message: 'processed', attempts: 4, failed: 'resolved', failedAttempts: 4 })
    })

    it('are written together with all that is in the same call, of any tenant', async () => {
      const other = (await node.tenants.create(newTenant())).id
      const first = [tenantId, tenantId, other].map((owner) => newRecord(owner, { settlement: newRetrying(1) }))
      await node.messages.record(first)
      const settlements = [processed, newFailed(2), newRetrying(2)]
      const second = first.map((earlier, index) => ({ ...earlier, attempt: 2, settlement: settlements[index] ?? processed }))
      await node.messages.record([...second, newRecord(other), newRecord(other, { settlement: newFailed(1) })])
      expect((await node.failures.stats(tenantId)).byStatus).to.deep.include({ resolved: 1, permanently_failed: 1, pending: 0 })
      expect((await node.failures.stats(other)).byStatus).to.deep.include({ resolved: 0, permanently_failed: 1, pending: 1 })
      expect((await node.messages.list({ tenantId: other, limit: 10 })).messages).to.have.length(3)
    })

    it('are all refused with the one whose data the database refuses', async () => {
      const good = newRecord(tenantId, { settlement: newRetrying(1) })
      const poison = newRecord(tenantId, { settlement: newRetrying(1), data: '"\\u0000"' })
      expect(await codeOf(node.messages.record([good, poison]))).to.equal('database.refused_row')
      expect(await node.failures.find(tenantId, good.id)).to.equal(undefined)
      await node.messages.record([{ ...poison, data: null, settlement: newFailed(1) }])
      expect(await read(poison)).to.deep.include({ message: 'failed', failed: 'permanently_failed' })
      expect(Buffer.from((await findFailed(poison)).body).toString()).to.equal('"\\u0000"')
    })

    it('name the tenant that has no partition', async () => {
      const missing = newTenantId()
      const failure = await node.messages.record([newRecord(missing, { settlement: newFailed(1) })]).catch((error: unknown) => error)
      expect(failure).to.deep.include({ code: 'partition.missing' })
      expect(failure).to.have.nested.property('details.tenantId', missing)
    })

    for (const [name, body] of Object.entries({
      'a NUL': Buffer.from('{"a":"\u0000"}'),
      'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x00, 0x80]),
      nothing: Buffer.alloc(0),
      'the word NULL in base64': Buffer.from('NULL', 'base64'),
      'a megabyte': Buffer.alloc(1024 * 1024, 'x,{}"\\'),
    })) {
      it(`keep a body of ${name}`, async () => {
        const { id } = await record(1, newFailed(1), { data: null, body: () => body })
        expect(body.equals(Buffer.from((await findFailed({ id })).body))).to.equal(true)
      })
    }

    it('keep texts that no text of the database can hold, without what it cannot hold', async () => {
      const failure = { errorClass: 'A\u0000', error: 'a lone \ud800 and a "quote", {a brace} and \\' }
      const history = [{ attempt: 1, startedAtMs: 1, durationMs: 1, outcome: 'failed' as const, ...failure }]
      const failed = await findFailed(await record(1, newFailed(1, { failure, history, reason: 'why\u0000' })))
      expect(failed).to.include({ errorClass: 'A\ufffd', error: 'a lone \ufffd and a "quote", {a brace} and \\', reason: 'why\ufffd' })
      expect(failed.history[0]).to.include({ errorClass: 'A\ufffd' })
    })

    it(`keep the last ${maxHistory} entries of the history`, async () => {
      const id = newMessageId()
      for (let attempt = 1; attempt <= 4; attempt++) {
        const entries = Array.from({ length: 20 }, (_, index) => ({
          attempt,
          startedAtMs: index,
          durationMs: 0,
          outcome: 'failed' as const,
        }))
        const history = entries.map((entry) => ({ ...entry, errorClass: 'E', error: 'e' }))
        await record(attempt, newRetrying(attempt, { history }), { id })
        expect((await findFailed({ id })).history).to.have.length(Math.min(maxHistory, attempt * 20))
      }
      const { history } = await findFailed({ id })
      expect(history.map((entry) => entry.attempt * 100 + entry.startedAtMs)).to.deep.equal(
        Array.from({ length: 80 }, (_, index) => (Math.floor(index / 20) + 1) * 100 + (index % 20)).slice(-maxHistory),
      )
      const { id: full } = await record(1, newFailed(1, { history: [...history, ...history] }))
      expect((await findFailed({ id: full })).history).to.deep.equal(history)
    })

    it('have the same fingerprint when they differ in numbers, ids and quoted texts only', async () => {
      const fingerprintOf = async (error: string, errorClass = 'E', type = 'a') =>
        (await findFailed(await record(1, newFailed(1, { failure: { errorClass, error } }), { type }))).fingerprint
      const one = await fingerprintOf(`order 12 of "Ann" (${newMessageId()})`)
      expect(await fingerprintOf(`order 9.5 of "Bob" (${newMessageId()})`)).to.equal(one)
      expect(await fingerprintOf(`order 12 of "Ann" (${newMessageId()})`, 'F')).not.to.equal(one)
      expect(await fingerprintOf(`order 12 of "Ann" (${newMessageId()})`, 'E', 'b')).not.to.equal(one)
      expect(await fingerprintOf('another text')).not.to.equal(one)
    })
  })

  describe('when they are read', () => {
    const readAll = async (query: Partial<FailedQuery>): Promise<FailedMessage[]> => {
      const all: FailedMessage[] = []
      let after: FailedPosition | undefined
      do {
        const page = await node.failures.list({ tenantId, limit: 3, ...query, ...(after === undefined ? {} : { after }) })
        expect(page.failed.length).to.be.within(1, 3)
        all.push(...page.failed)
        after = page.next
      } while (after !== undefined)
      return all
    }

    it('are listed newest first, each once, to the microsecond', async () => {
      const records = Array.from({ length: 20 }, (_, index) =>
        newRecord(tenantId, { settlement: index % 2 ? newFailed(1) : newRetrying(1) }),
      )
      await node.messages.record(records)
      const base = "timestamptz '2026-01-01Z' +"
      for (const [index, { id }] of records.entries()) {
        const micros = Math.floor(index / 3)
        await database.query(`update failed_messages set created_at = ${base} $2 * interval '1 microsecond' where id = $1`, [id, micros])
      }
      const expected = await database.query<{ id: string }>(
        'select id from failed_messages where tenant_id = $1 order by created_at desc, id desc',
        [tenantId],
      )
      expect((await readAll({})).map(({ id }) => id)).to.deep.equal(expected.map(({ id }) => id))
      expect(await readAll({ statuses: ['pending'] })).to.have.length(10)
      expect(await readAll({ statuses: ['pending', 'permanently_failed', 'pending'] })).to.have.length(20)
      expect((await node.failures.list({ tenantId, limit: 20 })).next).to.equal(undefined)
    })

    it('are filtered by every condition, all together', async () => {
      const a = await record(1, newFailed(1, { failure: { errorClass: 'TypeError', error: '100%_sure' } }), { type: 'a' })
      const b = await record(1, newRetrying(1, { failure: { errorClass: 'RangeError', error: 'nothing' } }), { type: 'b' })
      const idsOf = async (query: Partial<FailedQuery>) => {
        const { failed } = await node.failures.list({ tenantId, limit: 10, ...query })
        expect(await node.failures.count(tenantId, query)).to.equal(failed.length)
        return failed.map(({ id }) => id)
      }
      const { failedAt, fingerprint } = await findFailed(b)
      expect(await idsOf({})).to.have.members([a.id, b.id])
      expect(await idsOf({ type: 'a' })).to.deep.equal([a.id])
      expect(await idsOf({ statuses: ['pending'] })).to.deep.equal([b.id])
      expect(await idsOf({ statuses: [] })).to.deep.equal([])
      expect(await idsOf({ error: 'rangeerror' })).to.deep.equal([b.id])
      expect(await idsOf({ error: '%_' })).to.deep.equal([a.id])
      expect(await idsOf({ error: '' })).to.have.length(2)
      expect(await idsOf({ fingerprint })).to.deep.equal([b.id])
      expect(await idsOf({ ids: [a.id, newMessageId()] })).to.deep.equal([a.id])
      expect(await idsOf({ ids: [] })).to.deep.equal([])
      expect(await idsOf({ since: new Date(failedAt.getTime() + 3_600_000) })).to.deep.equal([])
      expect(
        await idsOf({ until: new Date(failedAt.getTime() + 3_600_000), since: new Date(failedAt.getTime() - 3_600_000) }),
      ).to.have.length(2)
      expect(await idsOf({ type: 'a', error: 'nothing' })).to.deep.equal([])
      expect(await node.failures.count(newTenantId(), {})).to.equal(0)
    })

    it('come in shorter pages when their bodies are large', async () => {
      const body = Buffer.alloc(1.5 * 1024 * 1024, 'x')
      for (let index = 0; index < 5; index++) await record(1, newFailed(1), { data: null, body: () => body })
      const page = await node.failures.list({ tenantId, limit: 10 })
      expect(page.failed).to.have.length(3)
      const rest = await node.failures.list({ tenantId, limit: 10, ...(page.next === undefined ? {} : { after: page.next }) })
      expect(rest.failed).to.have.length(2)
      expect(rest.next).to.equal(undefined)
    })

    it('are counted by status and by kind, of one tenant or of all', async () => {
      await using own = await createTestDatabase()
      const alone = await own.open()
      const tenants = await Promise.all([newTenant(), newTenant()].map((tenant) => alone.tenants.create(tenant)))
      const failure = (error: string) => ({ failure: { errorClass: 'E', error } })
      for (const { id } of tenants) {
        await alone.messages.record([
          ...Array.from({ length: 3 }, (_, index) => newRecord(id, { settlement: newFailed(1, failure(`order ${index}`)) })),
          newRecord(id, { settlement: newRetrying(1, { ...failure('other'), dueAtMs: 2_000_000_000_000 }) }),
        ])
        const resolved = newRecord(id, { settlement: newRetrying(1, failure('order 9')) })
        await alone.messages.record([resolved])
        await alone.messages.record([{ ...resolved, attempt: 2, settlement: processed }])
      }
      for (const [tenant, factor] of [[tenants[0]?.id, 1] as const, [undefined, 2] as const]) {
        const { byStatus, kinds, nextRetryAt } = await alone.failures.stats(tenant)
        expect(byStatus).to.deep.equal({ pending: factor, retried: 0, resolved: factor, permanently_failed: 3 * factor, discarded: 0 })
        expect(kinds.map(({ count, type, errorClass }) => ({ count, type, errorClass }))).to.deep.equal([
          { count: 3 * factor, type: 'order.created', errorClass: 'E' },
          { count: factor, type: 'order.created', errorClass: 'E' },
        ])
        expect(kinds[0]?.error).to.match(/^order \d$/)
        expect(kinds[0]?.lastFailedAt).to.be.an.instanceOf(Date)
        expect(nextRetryAt?.getTime()).to.equal(2_000_000_000_000)
        if (tenant) expect(await alone.failures.pending(tenant)).to.deep.equal({ count: 1, nextRetryAt })
      }
      const nothing: Record<FailedStatus, number> = { pending: 0, retried: 0, resolved: 0, permanently_failed: 0, discarded: 0 }
      expect(await alone.failures.stats(newTenantId())).to.deep.equal({ byStatus: nothing, kinds: [], nextRetryAt: null })
      expect(await alone.failures.pending(newTenantId())).to.deep.equal({ count: 0, nextRetryAt: null })
    })
  })
})
