import { expect } from 'chai'
import fc from 'fast-check'
import { type FailedStatus, processed } from '../../../src/core/failure.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { ClaimedRetry } from '../../../src/core/ports/failure-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newFailed, newMessageId, newRecord, newRetrying, newTenant } from './fixtures.ts'

const hourMs = 3_600_000
const messageCount = 3

type Step =
  | { readonly kind: 'record'; readonly message: number; readonly attempt: number; readonly as: 'processed' | 'retrying' | 'failed' }
  | { readonly kind: 'claim'; readonly limit: number }
  | { readonly kind: 'republished' | 'giveBack' | 'giveUp'; readonly claim: number }
  | { readonly kind: 'retry' | 'discard'; readonly messages: readonly number[] }
  | { readonly kind: 'recover' | 'leasesEnd' }

const message = fc.nat({ max: messageCount - 1 })
const claim = fc.nat({ max: 5 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('record'),
      message,
      attempt: fc.integer({ min: 1, max: 6 }),
      as: fc.constantFrom('retrying', 'retrying', 'processed', 'failed'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('claim'), limit: fc.integer({ min: 1, max: messageCount }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('republished', 'republished', 'giveBack', 'giveUp'), claim }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('retry', 'retry', 'discard'), messages: fc.uniqueArray(message) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('recover', 'leasesEnd') }) },
)

/** What a message is, in the words of the two tables, and whether somebody may claim it. */
interface Expected {
  message: 'processed' | 'retrying' | 'failed' | undefined
  attempts: number | undefined
  failed: FailedStatus | undefined
  claim: string | undefined
  isDue: boolean
}

const unknown: Expected = { message: undefined, attempts: undefined, failed: undefined, claim: undefined, isDue: false }

describe('failed messages and their messages', () => {
  let database: TestDatabase
  let node: Database
  let tenantId: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    tenantId = (await node.tenants.create(newTenant())).id
  })
  after(() => database[Symbol.asyncDispose]())

  it('agree after any sequence of steps, and each step does what it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
        await node.pool.query('delete from failed_messages')
        const run = startRun(Array.from({ length: messageCount }, newMessageId))
        for (const next of steps) {
          await run.take(next)
          expect(await run.read(), JSON.stringify(next)).to.deep.equal(run.expected())
        }
      }),
      { numRuns: 40 },
    )
  }).timeout(120_000)

  function startRun(ids: readonly MessageId[]) {
    const model = new Map(ids.map((id): [MessageId, Expected] => [id, { ...unknown }]))
    const claims: ClaimedRetry[] = []
    const expectedOf = (id: MessageId): Expected => model.get(id) ?? unknown
    const change = (id: MessageId, changes: Partial<Expected>) => model.set(id, { ...expectedOf(id), ...changes })
    const all = (status: FailedStatus) => ids.filter((id) => expectedOf(id).failed === status)
    const pick = (places: readonly number[]) => ids.filter((_, place) => places.includes(place))

    const record = async (id: MessageId, attempt: number, as: 'processed' | 'retrying' | 'failed') => {
      const settlement = { processed, retrying: newRetrying(attempt), failed: newFailed(attempt) }[as]
      await node.messages.record([newRecord(tenantId, { id, attempt, settlement })])
      const { message: status, attempts = 0, failed } = expectedOf(id)
      if (status !== undefined && !(status === 'retrying' && attempts < attempt)) return
      const next = { processed: failed === undefined ? undefined : 'resolved', retrying: 'pending', failed: 'permanently_failed' } as const
      change(id, { message: as, attempts: attempt, failed: next[as], claim: undefined, isDue: as === 'retrying' })
    }
    const take = async (limit: number) => {
      const { claimed } = await node.failures.claimDue({ limit, maxInQueue: 100, leaseMs: hourMs })
      const due = ids.filter((id) => expectedOf(id).isDue)
      expect(claimed).to.have.length(Math.min(limit, due.length))
      for (const taken of claimed) {
        expect(due).to.include(taken.message.id)
        expect(taken.message.attempt).to.equal((expectedOf(taken.message.id).attempts ?? 0) + 1)
        change(taken.message.id, { claim: taken.claim, isDue: false })
        claims.push(taken)
      }
    }
    const report = async (kind: 'republished' | 'giveBack' | 'giveUp', held: ClaimedRetry | undefined) => {
      if (held === undefined) return
      const { id } = held.message
      const { failed, claim: mine } = expectedOf(id)
      const isMine = failed === 'pending' && mine === held.claim
      if (kind === 'republished') {
        await node.failures.republished([held])
        if (isMine) change(id, { failed: 'retried', isDue: false })
      } else if (kind === 'giveBack') {
        await node.failures.giveBack([held], 0)
        if (isMine) change(id, { claim: undefined, isDue: true })
      } else {
        await node.failures.giveUp(held, 'no')
        if (isMine) change(id, { message: 'failed', failed: 'permanently_failed', claim: undefined, isDue: false })
      }
    }
    const operate = async (kind: 'retry' | 'discard', meant: readonly MessageId[]) => {
      const open = meant.filter((id) => ['pending', 'permanently_failed'].includes(expectedOf(id).failed ?? ''))
      expect(await node.failures[kind](tenantId, { ids: meant })).to.equal(open.length)
      for (const id of open) {
        const { claim: held, isDue } = expectedOf(id)
        if (kind === 'discard') change(id, { message: 'failed', failed: 'discarded', claim: undefined, isDue: false })
        else if (held === undefined || isDue) change(id, { message: 'retrying', failed: 'pending', claim: undefined, isDue: true })
      }
    }

    return {
      async take(next: Step): Promise<void> {
        switch (next.kind) {
          case 'record':
            return record(ids[next.message] ?? newMessageId(), next.attempt, next.as)
          case 'claim':
            return take(next.limit)
          case 'republished':
          case 'giveBack':
          case 'giveUp':
            return report(next.kind, claims.at(-1 - next.claim))
          case 'retry':
          case 'discard':
            return operate(next.kind, pick(next.messages))
          case 'recover':
            expect(await node.failures.recover(tenantId, 0)).to.equal(all('retried').length)
            for (const id of all('retried')) change(id, { failed: 'pending', claim: undefined, isDue: true })
            return
          case 'leasesEnd':
            await node.pool.query("update failed_messages set next_retry_at = now() - interval '1 second' where status = 'pending'")
            for (const id of all('pending')) change(id, { isDue: true })
        }
      },
      async read() {
        const { rows } = await node.pool.query(
          `select w.id, m.status as message, m.attempts, f.status as failed, f.attempts as failed_attempts, f.claim
           from unnest($1::uuid[]) as w (id)
           left join messages m on m.tenant_id = $2 and m.id = w.id left join failed_messages f on f.tenant_id = $2 and f.id = w.id`,
          [`{${ids.join(',')}}`, tenantId],
        )
        return new Map(rows.map(({ id, ...row }) => [id, row]))
      },
      expected() {
        return new Map(
          [...model].map(([id, { message: status = null, attempts = null, failed = null, claim: held = null }]) => [
            id,
            { message: status, attempts, failed, failed_attempts: failed === null ? null : attempts, claim: held },
          ]),
        )
      },
    }
  }
})
