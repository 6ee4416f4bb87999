import { expect } from 'chai'
import fc from 'fast-check'
import { createGroupCommitter, type GroupCommitter } from '../../../actors/ledger/group-committer.ts'
import { AppError } from '../../../src/core/errors.ts'
import { processed, type Settlement } from '../../../src/core/failure.ts'
import type { Delivery } from '../../../src/core/message.ts'
import type { MessageRecord } from '../../../src/core/ports/message-store.ts'
import { eventually } from '../../support/eventually.ts'
import { turn } from '../support/deferred.ts'
import { createFakeStore, createSettledSession } from '../support/fake-store.ts'
import { createDelivery } from '../support/samples.ts'

interface Options {
  readonly batchSize?: number
  readonly lingerMs?: number
  readonly maxInFlight?: number
  readonly record?: (records: readonly MessageRecord[]) => Promise<void>
}

function setup({ record, ...bounds }: Options = {}) {
  const store = createFakeStore()
  const stalls: AppError[] = []
  const troubles: string[] = []
  const due: number[] = []
  const counts = { processed: 0, retrying: 0, failed: 0, duplicate: 0, batches: [] as number[] }
  const committer = createGroupCommitter({
    store: record ? { record } : store,
    batchSize: 3,
    lingerMs: 10,
    maxInFlight: 2,
    ...bounds,
    metrics: {
      settled: (outcome, count = 1) => {
        counts[outcome] += count
      },
      ledgerCommitted: (size) => counts.batches.push(size),
    },
    onDue: (atMs) => due.push(atMs),
    onStalled: (error) => stalls.push(error),
    onTrouble: (text) => troubles.push(text),
  })
  const tenant = createSettledSession()
  const record1 = (changes: Partial<Delivery> = {}, settlement: Settlement = processed, owner = tenant): Delivery => {
    const delivery = createDelivery(changes)
    committer.record({ session: owner.session, delivery, settlement })
    return delivery
  }
  return { committer, store, stalls, troubles, due, counts, tenant, record: record1 }
}

const failure = { errorClass: 'Retry', error: 'not now' }
const attempt = { attempt: 1, startedAtMs: 0, durationMs: 1, outcome: 'failed', ...failure } as const
const failed: Settlement = { kind: 'failed', failure, reason: 'the handler gave it up', history: [attempt] }
const toRetrying = (dueAtMs: number): Settlement => ({
  kind: 'retrying',
  failure,
  dueAtMs,
  firstAttempt: 1,
  order: 'oldest',
  history: [attempt],
})
const readFailure = (record: MessageRecord | undefined) => (record?.settlement.kind === 'failed' ? record.settlement : undefined)

const ids = (entries: readonly { readonly id: string }[]): readonly string[] => entries.map(({ id }) => id)
const away = () => new AppError('database.unavailable', 'the database is away', { retryable: true })
const refused = () => new AppError('database.refused_row', 'invalid byte sequence')

describe('the group committer', () => {
  it('writes at once what is alone, and settles it only after the commit', async () => {
    const { store, tenant, record, counts } = setup()
    const delivery = record()
    expect(store.calls.made, 'written on the stack of the handler').to.have.length(0)
    await turn()
    expect(ids(store.calls.made[0] ?? [])).to.deep.equal([delivery.id])
    expect(tenant.settled).to.deep.equal([])
    await store.calls.resolve()
    expect(tenant.settled).to.deep.equal([{ how: 'committed', delivery }])
    expect(counts).to.deep.include({ processed: 1, batches: [1] })
  })

  it('writes a full batch without waiting for anything', () => {
    const { store, record } = setup()
    const batch = [record(), record(), record()]
    expect(store.calls.made.map(ids)).to.deep.equal([ids(batch)])
  })

  it('writes large messages in statements of a bounded size', async () => {
    const { store, tenant, record } = setup()
    const large = 'x'.repeat(3 * 1024 * 1024)
    for (let index = 0; index < 3; index++) record({ text: () => large })
    while (store.calls.open.length > 0) await store.calls.resolve()
    expect(store.calls.made.map((batch) => batch.length)).to.deep.equal([1, 2])
    expect(tenant.settled).to.have.length(3)
  })

  it('lets a part of a batch linger while another is being written', async () => {
    const [long, short] = [setup({ lingerMs: 60_000 }), setup()]
    for (const { record } of [long, short]) for (let index = 0; index < 4; index++) record()
    await turn()
    expect(long.store.calls.made.map((batch) => batch.length)).to.deep.equal([3])
    await eventually(() => short.store.calls.made.length === 2)
    expect(short.store.calls.made.map((batch) => batch.length)).to.deep.equal([3, 1])
  })

  it('writes what has gathered as soon as nothing else is being written', async () => {
    const { store, record } = setup({ lingerMs: 60_000 })
    for (let index = 0; index < 5; index++) record()
    expect(store.calls.made).to.have.length(1)
    await store.calls.resolve()
    expect(store.calls.made.map((batch) => batch.length)).to.deep.equal([3, 2])
    await store.calls.resolve()
  })

  it('never writes more batches at once than it may', async () => {
    const { store, record, committer } = setup({ maxInFlight: 2 })
    for (let index = 0; index < 12; index++) record()
    await turn()
    expect(store.calls.open).to.have.length(2)
    expect(committer.waiting).to.equal(6)
    await store.calls.resolve()
    expect(store.calls.open).to.have.length(2)
    while (store.calls.open.length > 0) await store.calls.resolve()
    expect(committer.waiting).to.equal(0)
  })

  it('keeps a flood of one tenant from delaying the single message of another', async () => {
    const { store, record } = setup({ batchSize: 32, maxInFlight: 1 })
    const quiet = createSettledSession()
    for (let index = 0; index < 100; index++) record()
    const single = record({}, processed, quiet)
    await store.calls.resolve()
    expect(ids(store.calls.made[1] ?? [])).to.include(single.id)
  })

  it('acknowledges every outcome once it is recorded, and counts each as what it is', async () => {
    const { store, record, tenant, counts } = setup()
    record({}, failed)
    record({}, toRetrying(5_000))
    record()
    expect(store.calls.made[0]?.map(({ settlement }) => settlement)).to.deep.equal([failed, toRetrying(5_000), processed])
    await store.calls.resolve()
    expect(tenant.settled.map(({ how }) => how)).to.deep.equal(['committed', 'committed', 'committed'])
    expect(counts).to.include({ failed: 1, retrying: 1, processed: 1 })
  })

  describe('what a commit has made due', () => {
    it('is told once, by its earliest time', async () => {
      const { store, record, due } = setup()
      for (const dueAtMs of [9_000, 5_000, 7_000]) record({}, toRetrying(dueAtMs))
      expect(due, 'told before the commit').to.deep.equal([])
      await store.calls.resolve()
      expect(due).to.deep.equal([5_000])
    })

    it('is at once when a retry has ended, since its place in the queue is free', async () => {
      const { store, record, due } = setup({ batchSize: 1 })
      const before = Date.now()
      record({ attempt: 2 }, failed)
      await store.calls.resolve()
      expect(due).to.have.length(1)
      expect(due[0]).to.be.within(before, Date.now())
    })

    it('is not told when nothing is', async () => {
      const { store, record, due } = setup({ batchSize: 1 })
      record()
      await store.calls.resolve()
      record({}, failed)
      await store.calls.resolve()
      expect(due).to.deep.equal([])
    })
  })

  describe('refused rows', () => {
    /** A database that refuses a call with a poisoned row, and keeps the rows of all others. */
    const createDatabase = (isPoison: (record: MessageRecord) => boolean) => {
      const rows: MessageRecord[] = []
      const record = async (records: readonly MessageRecord[]): Promise<void> => {
        if (records.some(isPoison)) throw refused()
        rows.push(...records)
      }
      return { rows, record }
    }

    it('are found among the good ones, which are committed exactly once', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (poisons) => {
          const database = createDatabase(({ data }) => data?.includes('poison') ?? false)
          const { committer, record, tenant, counts } = setup({ record: database.record, batchSize: 16 })
          const deliveries = poisons.map((isPoison) => record({ text: () => (isPoison ? '"poison"' : '"good"') }))
          await committer.flushed()
          expect([...ids(database.rows)].sort()).to.deep.equal([...ids(deliveries)].sort())
          for (const [index, { id }] of deliveries.entries()) {
            const row = database.rows.find((each) => each.id === id)
            expect(row?.data).to.equal(poisons[index] ? null : '"good"')
            expect(row?.settlement.kind).to.equal(poisons[index] ? 'failed' : 'processed')
          }
          const failed = poisons.filter(Boolean).length
          expect(tenant.settled).to.have.length(poisons.length)
          expect(new Set(tenant.settled.map(({ delivery }) => delivery.id)).size).to.equal(poisons.length)
          expect(counts).to.include({ failed, processed: poisons.length - failed })
        }),
        { numRuns: 60 },
      )
    })

    it('are recorded with names that the database can hold', async () => {
      const database = createDatabase(({ type }) => type.includes('\u0000'))
      const { committer, record } = setup({ record: database.record })
      record({ type: 'a\u0000b', key: '\ud800' })
      await committer.flushed()
      expect(database.rows[0]).to.include({ type: 'a\ufffdb', key: '\ufffd', data: null })
      expect(readFailure(database.rows[0])).to.deep.include({ kind: 'failed', reason: 'its data cannot be stored' })
      expect(readFailure(database.rows[0])?.failure.error).to.contain('invalid byte sequence')
    })

    it('keep the history of the attempt, and end with what the database said', async () => {
      const database = createDatabase(({ data }) => data !== null)
      const { committer, record } = setup({ record: database.record })
      record({ attempt: 4 }, toRetrying(5_000))
      await committer.flushed()
      const settlement = readFailure(database.rows[0])
      expect(settlement?.history.map(({ errorClass }) => errorClass)).to.deep.equal(['Retry', 'RefusedByDatabase'])
      expect(settlement?.history.at(-1)).to.include({ attempt: 4, outcome: 'failed' })
    })

    it('that cannot be recorded even without their data stay unacknowledged, and release what they held', async () => {
      const { committer, store, tenant, troubles } = setup({ record: () => Promise.reject(refused()) })
      let released = 0
      committer.record({ session: tenant.session, delivery: createDelivery(), settlement: processed, onSettled: () => released++ })
      await committer.flushed()
      expect(store.calls.made).to.deep.equal([])
      expect(tenant.settled).to.deep.equal([])
      expect(troubles).to.have.length(1)
      expect(released).to.equal(1)
    })
  })

  it('gives back what has no partition, commits the rest, and tells only that tenant', async () => {
    const gone = createSettledSession()
    const goneId = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as Delivery['tenantId']
    const written: MessageRecord[] = []
    const { committer, record, tenant } = setup({
      batchSize: 8,
      record: async (records) => {
        if (records.some((row) => row.tenantId === goneId)) throw new AppError('partition.missing', 'no partition')
        written.push(...records)
      },
    })
    for (let index = 0; index < 4; index++) {
      record()
      record({ tenantId: goneId }, processed, gone)
    }
    await committer.flushed()
    expect(written).to.have.length(4)
    expect(tenant.settled.map(({ how }) => how)).to.deep.equal(Array(4).fill('committed'))
    expect(tenant.partitionMissing).to.equal(0)
    expect(gone.settled.map(({ how }) => how)).to.deep.equal(Array(4).fill('given back'))
    expect(gone.partitionMissing).to.be.greaterThan(0)
  })

  describe('when the database is away', () => {
    it('says so once, writes nothing more, and settles nothing', async () => {
      const { store, record, tenant, stalls, committer } = setup()
      for (let index = 0; index < 7; index++) record()
      await store.calls.reject(away())
      await store.calls.reject(away())
      record()
      await turn()
      expect(stalls.map(({ code }) => code)).to.deep.equal(['database.unavailable'])
      expect(store.calls.open).to.deep.equal([])
      expect(tenant.settled).to.deep.equal([])
      expect(committer).to.include({ stalled: true, waiting: 8 })
    })

    it('takes an error of any other kind for a database that is away', async () => {
      const { store, record, stalls } = setup()
      record()
      await turn()
      await store.calls.reject(new Error('socket hang up'))
      expect(stalls[0]).to.include({ code: 'database.unavailable', message: 'socket hang up' })
    })

    it('writes everything in its order after resume()', async () => {
      const { store, record, tenant, committer } = setup({ maxInFlight: 1 })
      const deliveries = Array.from({ length: 5 }, () => record())
      await store.calls.reject(away())
      committer.resume()
      while (committer.waiting > 0 || store.calls.open.length > 0) {
        await turn()
        await store.calls.resolve()
      }
      expect(ids(tenant.settled.map(({ delivery }) => delivery))).to.deep.equal(ids(deliveries))
      expect(committer.stalled).to.equal(false)
    })

    it('keeps the order of batches that were being written at once', async () => {
      const { store, record, tenant, committer } = setup({ maxInFlight: 2 })
      const deliveries = Array.from({ length: 6 }, () => record())
      await store.calls.reject(away())
      await store.calls.reject(away())
      committer.resume()
      while (committer.waiting > 0 || store.calls.open.length > 0) {
        await turn()
        await store.calls.resolve()
      }
      expect(ids(tenant.settled.map(({ delivery }) => delivery))).to.deep.equal(ids(deliveries))
    })

    it('keeps the second half of a bisected batch behind the first, and does not try it', async () => {
      const { store, record, committer } = setup({ batchSize: 4, maxInFlight: 1 })
      const deliveries = Array.from({ length: 4 }, () => record())
      await store.calls.reject(refused())
      await store.calls.reject(away())
      expect(store.calls.open, 'writes while stalled').to.deep.equal([])
      committer.resume()
      await turn()
      expect(ids(store.calls.made.at(-1) ?? [])).to.deep.equal(ids(deliveries))
    })

    it('works a backlog off with as many writes at once as it may', async () => {
      const { store, record, committer } = setup({ maxInFlight: 2 })
      committer.stall(away())
      for (let index = 0; index < 12; index++) record()
      committer.resume()
      await turn()
      expect(store.calls.open).to.have.length(2)
    })

    it('stalls and resumes any number of times on request', () => {
      const { committer, stalls } = setup()
      committer.resume()
      committer.stall(away())
      committer.stall(away())
      committer.resume()
      committer.resume()
      committer.stall(new Error('again'))
      expect(stalls).to.have.length(2)
    })
  })

  it('is flushed when nothing waits and nothing is being written', async () => {
    const { store, record, committer } = setup()
    await committer.flushed()
    record()
    let flushed = false
    const done = committer.flushed().then(() => {
      flushed = true
    })
    await turn()
    expect(flushed).to.equal(false)
    await store.calls.resolve()
    await done
    expect(flushed).to.equal(true)
  })

  it('loses and repeats nothing, whatever the database does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('ok', 'ok', 'away', 'slow'), { minLength: 5, maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        async (weather, count) => {
          const rows: string[] = []
          let call = 0
          const resume: { committer?: GroupCommitter } = {}
          const { committer, record, tenant, stalls } = setup({
            record: async (records) => {
              const today = weather[call++ % weather.length]
              if (today === 'slow') await turn()
              if (today === 'away' && call < 200) {
                setImmediate(() => setImmediate(() => resume.committer?.resume()))
                throw away()
              }
              rows.push(...ids(records))
            },
          })
          resume.committer = committer
          fc.pre(weather.some((day) => day !== 'away'))
          const deliveries = Array.from({ length: count }, () => record())
          await committer.flushed()
          expect([...rows].sort()).to.deep.equal([...ids(deliveries)].sort())
          expect(tenant.settled).to.have.length(count)
          expect(stalls.length).to.be.lessThan(200)
        },
      ),
      { numRuns: 40 },
    )
  })
})
