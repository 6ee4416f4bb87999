import { expect } from 'chai'
import type { TenantStatusReport } from '../../../actors/index.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { OutboundMessage } from '../../../src/core/message.ts'
import type { Broker } from '../../../src/core/ports/broker.ts'
import type { MessageDraft } from '../../../src/core/ports/engine-api.ts'
import type { Nodes, TenantReport } from '../../../src/core/ports/tenant-store.ts'
import type { DesiredTenant } from '../../../src/core/tenant.ts'
import { createConvergence } from '../../../src/engine/convergence.ts'
import { createDesiredCache } from '../../../src/engine/desired-cache.ts'
import { createPublishing } from '../../../src/engine/publishing.ts'
import { createStatusBoard } from '../../../src/engine/status-board.ts'
import { createDesired, deleting, tenantId } from '../../actors/support/samples.ts'

const other = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0002' as TenantId
const running: TenantStatusReport = { state: 'running', reason: null, currentWorkers: 2, settled: true, version: 1 }

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )
}

describe('createStatusBoard', () => {
  it('tells its listeners of changes, and of nothing else', () => {
    const board = createStatusBoard()
    const seen: unknown[] = []
    board.subscribe((id, status) => seen.push([id, status?.state]))
    board.set(tenantId, running)
    board.set(tenantId, { ...running })
    board.set(tenantId, { ...running, state: 'paused' })
    board.remove(tenantId)
    board.remove(tenantId)
    expect(seen).to.deep.equal([
      [tenantId, 'running'],
      [tenantId, 'paused'],
      [tenantId, undefined],
    ])
    expect([...board.entries()]).to.deep.equal([])
  })

  it('waits for a status of one tenant', async () => {
    const board = createStatusBoard()
    const isRunning = (status?: TenantStatusReport): boolean => status?.state === 'running'
    const waits = [board.until(tenantId, isRunning, 5_000), board.until(tenantId, isRunning, 5_000)]
    board.set(other, running)
    board.set(tenantId, { ...running, state: 'paused' })
    board.set(tenantId, running)
    expect(await Promise.all(waits)).to.deep.equal([true, true])
    expect(await board.until(tenantId, isRunning, 5_000)).to.equal(true)
    const removed = board.until(tenantId, (status) => status === undefined, 5_000)
    board.remove(tenantId)
    expect(await removed).to.equal(true)
  })

  it('stops waiting at the deadline', async () => {
    expect(await createStatusBoard().until(tenantId, () => false, 5)).to.equal(false)
  })
})

describe('createDesiredCache', () => {
  const setup = (found?: DesiredTenant) => {
    const asked: TenantId[] = []
    const cache = createDesiredCache({
      desiredOf: async (id) => {
        asked.push(id)
        return found
      },
    })
    return { asked, cache }
  }

  it('answers from memory without a promise, and asks the database once for a tenant it has never seen', async () => {
    const { asked, cache } = setup(createDesired())
    expect(await cache.find(tenantId)).to.deep.equal(createDesired())
    expect(cache.find(tenantId)).to.deep.equal(createDesired())
    expect(asked).to.have.length(1)
  })

  it('asks again for a tenant that was not there', async () => {
    const { asked, cache } = setup()
    expect(await cache.find(tenantId)).to.equal(undefined)
    expect(await cache.find(tenantId)).to.equal(undefined)
    expect(asked).to.have.length(2)
  })

  it('keeps the newest version, and forgets what is gone', () => {
    const { cache } = setup()
    cache.put(createDesired({ version: 3 }))
    cache.adopt({ kind: 'all', tenants: [createDesired({ version: 2 })] })
    expect(cache.find(tenantId)).to.include({ version: 3 })
    cache.adopt({ kind: 'some', tenants: [], missing: [tenantId] })
    expect(cache.find(tenantId)).to.be.a('promise')
    cache.put(createDesired())
    cache.adopt({ kind: 'some', tenants: [createDesired({ id: other })], missing: [] })
    expect(cache.find(tenantId)).to.include({ version: 1 })
    cache.adopt({ kind: 'all', tenants: [createDesired({ id: other })] })
    expect(cache.find(tenantId)).to.be.a('promise')
    cache.remove(other)
    expect(cache.find(other)).to.be.a('promise')
  })
})

describe('createPublishing', () => {
  const draft: MessageDraft = { id: undefined, type: 'note', data: { a: 1 }, priority: 1, key: 'k' }

  function setup(tenant: DesiredTenant | undefined = createDesired(), fails?: unknown, stored?: DesiredTenant) {
    const published: OutboundMessage[] = []
    const scheduled: OutboundMessage[] = []
    const announced: number[] = []
    const counts: string[] = []
    const publishBatch = async (messages: readonly OutboundMessage[]): Promise<void> => {
      if (fails) throw fails
      published.push(...messages)
    }
    const broker = { publish: (message: OutboundMessage) => publishBatch([message]), publishBatch } as unknown as Broker
    const cache = createDesiredCache({ desiredOf: async () => stored })
    if (tenant) cache.put(tenant)
    const publishing = createPublishing({
      broker,
      schedules: { schedule: async (messages) => void scheduled.push(...messages) },
      idempotency: {
        begin: async ({ ids }) => ({ kind: 'first', ids }),
        finish: async () => {},
        release: async () => {},
      },
      dueHints: { announce: (atMs) => announced.push(atMs) },
      desired: cache,
      metrics: { published: (outcome, count) => counts.push(`${outcome} ${count}`) },
      idempotencyKeepMs: 60_000,
    })
    return { publishing, published, scheduled, announced, counts, cache }
  }

  it('gives the broker a whole message, and answers with its id', async () => {
    const { publishing, published, counts } = setup()
    const {
      ids: [id],
    } = await publishing.publish(tenantId, [draft])
    expect(published[0]).to.deep.include({ tenantId, id, type: 'note', priority: 1, key: 'k', attempt: 1, body: '{"a":1}' })
    expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    const own = '018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0009' as MessageId
    const both = await publishing.publish(tenantId, [{ ...draft, id: own }, draft])
    expect(both.ids).to.include(own).and.to.have.length(2)
    expect(counts).to.deep.equal(['confirmed 1', 'confirmed 2'])
  })

  it('stores what is scheduled, tells when the first of it is due, and publishes only the rest', async () => {
    const { publishing, published, scheduled, announced } = setup()
    const [soon, later] = [60_000, 120_000].map((inMs) => new Date(Date.now() + inMs))
    const { ids } = await publishing.publish(tenantId, [{ ...draft, scheduledAt: later }, draft, { ...draft, scheduledAt: soon }])
    expect(scheduled.map(({ id, readyAtMs }) => [id, readyAtMs])).to.deep.equal([
      [ids[0], later?.getTime()],
      [ids[2], soon?.getTime()],
    ])
    expect(published.map(({ id }) => id)).to.deep.equal([ids[1]])
    expect(announced).to.deep.equal([soon?.getTime()])
  })

  it('publishes at once what was scheduled for a time that has passed', async () => {
    const { publishing, published, scheduled } = setup()
    await publishing.publish(tenantId, [{ ...draft, scheduledAt: new Date(Date.now() - 1_000) }])
    expect([published.length, scheduled.length]).to.deep.equal([1, 0])
  })

  it('takes messages of active and paused tenants, and no others', async () => {
    const answers: Readonly<Record<string, DesiredTenant | undefined>> = {
      resolved: createDesired({ status: 'paused' }),
      'tenant.draining': createDesired({ status: 'drained' }),
      'tenant.deleting': createDesired(deleting('drain')),
    }
    for (const [code, tenant] of Object.entries(answers)) {
      const { publishing, published } = setup(tenant)
      expect(await codeOf(publishing.publish(tenantId, [draft]))).to.equal(code)
      expect(published).to.have.length(code === 'resolved' ? 1 : 0)
    }
    expect(await codeOf(setup().publishing.publish(other, [draft]))).to.equal('tenant.missing')
  })

  it('takes nothing once it has stopped', async () => {
    const { publishing, published } = setup()
    publishing.stop()
    expect(await codeOf(publishing.publish(tenantId, [draft]))).to.equal('node.draining')
    expect(published).to.deep.equal([])
  })

  it('counts what the broker did not take by what is known of it', async () => {
    const expected = {
      'broker.refused': 'refused',
      'broker.unknown_outcome': 'unknown',
      'broker.unavailable': 'unavailable',
      'broker.blocked': 'unavailable',
      'broker.window_full': 'unavailable',
    } as const
    for (const [code, outcome] of Object.entries(expected)) {
      const { publishing, counts, cache } = setup(createDesired(), new AppError(code as keyof typeof expected, 'no'))
      expect(await codeOf(publishing.publish(tenantId, [draft, draft]))).to.equal(code)
      expect(counts).to.deep.equal([`${outcome} 2`])
      expect(cache.find(tenantId) instanceof Promise).to.equal(false)
    }
  })

  it('says of a missing queue that its tenant is gone, or that the queue comes back', async () => {
    const missing = new AppError('queue.missing', 'no queue')
    const gone = setup(createDesired(), missing)
    expect(await codeOf(gone.publishing.publish(tenantId, [draft]))).to.equal('tenant.missing')
    expect(gone.counts).to.deep.equal(['refused 1'])
    const there = setup(createDesired(), missing, createDesired())
    expect(await codeOf(there.publishing.publish(tenantId, [draft]))).to.equal('broker.unavailable')
  })
})

describe('createConvergence', () => {
  const reporting = (reports: readonly Partial<TenantReport>[]) =>
    ({ reportsOf: async () => reports.map((report) => ({ nodeId: 'other', tenantId, ...report })) }) as unknown as Nodes

  it('waits for this node’s own actor to settle on the version', async () => {
    const board = createStatusBoard()
    const reached = createConvergence(board, reporting([]), true).reached(createDesired({ version: 2 }), 5_000)
    board.set(tenantId, running)
    board.set(tenantId, { ...running, version: 2, settled: false })
    board.set(tenantId, { ...running, version: 2 })
    expect(await reached).to.equal(true)
  })

  it('asks for the reports of others on a node that runs nothing', async () => {
    const ask = (desired: DesiredTenant, ...reports: readonly Partial<TenantReport>[]) =>
      createConvergence(createStatusBoard(), reporting(reports), false).reached(desired, 0)
    expect(await ask(createDesired(), { state: 'running', currentWorkers: 2 })).to.equal(true)
    expect(await ask(createDesired(), { state: 'running', currentWorkers: 1 })).to.equal(false)
    expect(await ask(createDesired(), { state: 'running', currentWorkers: 2 }, { state: 'attaching', currentWorkers: 2 })).to.equal(false)
    expect(await ask(createDesired({ status: 'drained' }), { state: 'stopped', currentWorkers: 0 })).to.equal(true)
    expect(await ask(createDesired({ status: 'paused' }), { state: 'running', currentWorkers: 2 })).to.equal(false)
    expect(await ask(createDesired())).to.equal(false)
  })
})
