import { expect } from 'chai'
import { createSessions } from '../../../../actors/tenant/sessions.ts'
import { AppError } from '../../../../src/core/errors.ts'
import type { PeerAnswers, Peers } from '../../../../src/core/ports/peers.ts'
import type { TenantReport } from '../../../../src/core/ports/tenant-store.ts'
import type { Tenant } from '../../../../src/core/tenant.ts'
import { createExplain, type ExplainServices } from '../../../../src/engine/inspection/explain.ts'
import { createDelivery, tenantId } from '../../../actors/support/samples.ts'
import { createFailed, createNode, messageId, nowMs } from './explain-samples.ts'

const tenant: Tenant = {
  ...{ id: tenantId, name: 't', description: null, status: 'active', workers: 2, config: {}, version: 1 },
  ...{ createdAt: new Date(nowMs), updatedAt: new Date(nowMs) },
}
const away = new AppError('database.unavailable', 'away', { retryable: true })
const report: TenantReport = { tenantId, state: 'backing_off', currentWorkers: 0, busyWorkers: 0, inFlight: 3, reason: null, circuits: [] }

/** A node that runs no tenants, with stores that know nothing but the tenant, and one other node. */
function setup(other: () => PeerAnswers, changes: Partial<ExplainServices> = {}) {
  const asked: unknown[] = []
  let responder: (question: unknown, from: string) => unknown = () => undefined
  const peers: Peers = {
    nodeId: 'here',
    others: async () => ['b'],
    ask: async (_topic, question) => {
      asked.push(question)
      return other()
    },
    answer: (_topic, answer) => {
      responder = answer
      return () => {
        responder = () => undefined
      }
    },
    tell: () => {},
    hear: () => () => {},
  }
  const services: ExplainServices = {
    local: { refOf: () => undefined },
    recorder: { enteredMs: () => undefined },
    sessions: createSessions(1),
    circuits: { of: () => [] },
    tenants: { find: async () => tenant },
    messages: { find: async () => undefined },
    failures: { find: async () => undefined, pending: async () => Promise.reject(away) },
    schedules: { find: async () => undefined, list: async () => ({ messages: [], next: undefined }) },
    broker: { depth: async () => ({ ready: 0, unacked: 0, dlq: 0 }), find: async () => ({ kind: 'missing' }) },
    nodes: { reportsOf: async () => [{ ...report, nodeId: 'b' }], otherWorkers: async () => 1 },
    peers,
    runsTenants: false,
    drainEndsAtMs: () => undefined,
    nowMs: () => nowMs,
    ...changes,
  }
  return { explain: createExplain(services), asked, answerTo: (question: unknown) => responder(question, 'b') }
}

const answersOf = (...answers: readonly unknown[]): PeerAnswers => ({
  answers: answers.map((answer) => ({ node: 'b', answer })),
  missing: [],
})
const silent: PeerAnswers = { answers: [], missing: ['b'] }
const running = { kind: 'running', worker: 1, sinceMs: nowMs, untilMs: nowMs + 9_000, attempt: 1 } as const

describe('createExplain', () => {
  it('finds a message by a second look that the first has missed on its way', async () => {
    let looks = 0
    const { explain, asked } = setup(() => answersOf(createNode({ message: ++looks === 2 ? running : null })))
    expect(await explain.explainMessage(tenantId, messageId)).to.include({ standing: 'processing' })
    expect(asked).to.deep.equal(Array(2).fill({ tenantId, messageId, ready: 0 }))
  })

  it('looks a second time, too, where the queue may hold the message and cannot be asked for it', async () => {
    let looks = 0
    const broker = { depth: async () => ({ ready: 1, unacked: undefined, dlq: 0 }), find: async () => ({ kind: 'unknowable' }) as const }
    const { explain } = setup(() => answersOf(createNode({ message: ++looks === 2 ? running : null })), { broker })
    expect(await explain.explainMessage(tenantId, messageId)).to.include({ standing: 'processing' })
    expect(await explain.explainMessage(tenantId, messageId)).to.include({ standing: 'unknown' })
  })

  it('looks into the queue once, however often it looks elsewhere', async () => {
    let finds = 0
    const find = async () => {
      finds += 1
      return { kind: 'missing' } as const
    }
    const { explain, asked } = setup(() => answersOf(createNode()), {
      broker: { depth: async () => ({ ready: 0, unacked: 0, dlq: 0 }), find },
    })
    expect(await explain.explainMessage(tenantId, messageId)).to.include({ standing: 'unknown' })
    expect([asked.length, finds]).to.deep.equal([2, 1])
  })

  it('does not say of a message that it was never accepted while the broker is away', async () => {
    const failing = async () => Promise.reject(new AppError('broker.unavailable', 'away', { retryable: true }))
    const { explain } = setup(() => answersOf(createNode()), { broker: { depth: failing, find: failing } })
    const found = await explain.explainMessage(tenantId, messageId)
    expect(found).to.include({ standing: 'unknown', blockedBy: 'broker.unavailable' })
    expect(found?.sentence).to.include('because the broker does not answer').and.not.include('never accepted')
    expect((await explain.explainTenant(tenantId))?.blockedBy).to.equal('broker.unavailable')
  })

  it('finds what has failed whose outcome is recorded while it reads', async () => {
    let isRecorded = false
    const failed = createFailed({ status: 'permanently_failed', nextRetryAt: null, closedAt: new Date(nowMs) })
    const { explain } = setup(() => answersOf(createNode()), {
      failures: { find: async () => (isRecorded ? failed : undefined), pending: async () => Promise.reject(away) },
      messages: {
        find: async () => {
          isRecorded = true
          return { ...failed, data: null, status: 'failed', processedAt: null, type: 'note' }
        },
      },
    })
    expect((await explain.explainMessage(tenantId, messageId))?.remedy?.method).to.equal('POST')
  })

  it('leaves out whoever is silent, and asks them no more', async () => {
    const silences: string[] = []
    const silentAs = (name: string) => () => {
      silences.push(name)
      return new Promise<never>(() => {})
    }
    const broker = { depth: silentAs('depth'), find: silentAs('find') }
    const brokerless = setup(() => answersOf(createNode()), { broker, answerMs: 5 }).explain
    expect((await brokerless.explainMessage(tenantId, messageId))?.blockedBy).to.equal('broker.unavailable')
    expect((await brokerless.explainTenant(tenantId))?.blockedBy).to.equal('broker.unavailable')
    expect(silences.splice(0)).to.deep.equal(['depth', 'depth'])
    const changes: Partial<ExplainServices> = {
      tenants: { find: silentAs('tenant') },
      messages: { find: silentAs('message') },
      failures: { find: silentAs('failed'), pending: silentAs('pending') },
      schedules: { find: silentAs('scheduled'), list: silentAs('schedules') },
      nodes: { reportsOf: silentAs('reports'), otherWorkers: silentAs('workers') },
      answerMs: 5,
    }
    const { explain } = setup(() => ({ ...answersOf(createNode({ message: running })), missing: ['c'] }), changes)
    expect(await explain.explainTenant(tenantId)).to.deep.include({ blockedBy: 'database.unavailable', missingNodes: ['c'] })
    expect((await explain.explainMessage(tenantId, messageId))?.standing).to.equal('processing')
    expect(silences).to.deep.equal(['tenant', 'workers', 'tenant', 'workers'])
  })

  it('looks in the queue for a message that is put there again, and for no other that it has found', async () => {
    const found: string[] = []
    const broker: ExplainServices['broker'] = {
      depth: async () => ({ ready: 2, unacked: 0, dlq: 0 }),
      find: async (_tenant, id) => {
        found.push(id)
        return { kind: 'waiting', ahead: 1 }
      },
    }
    for (const [status, standing] of [
      ['permanently_failed', 'failed'],
      ['retried', 'retrying'],
    ] as const) {
      const failures = { find: async () => createFailed({ status }), pending: async () => Promise.reject(away) }
      const { explain } = setup(() => answersOf(createNode()), { failures, broker })
      expect((await explain.explainMessage(tenantId, messageId))?.standing).to.equal(standing)
    }
    expect(found).to.deep.equal([messageId])
  })

  it('says which nodes did not answer, and lets their last report stand for them', async () => {
    for (const answers of [silent, answersOf('nonsense')]) {
      const { explain } = setup(() => answers)
      const ofTenant = await explain.explainTenant(tenantId)
      expect([ofTenant?.missingNodes, ofTenant?.blockedBy]).to.deep.equal([['b'], 'tenant.backing_off'])
      expect(ofTenant?.sentence).to.include('was backing off on node b when that last reported')
      const ofMessage = await explain.explainMessage(tenantId, messageId)
      expect([ofMessage?.missingNodes, ofMessage?.standing]).to.deep.equal([['b'], 'unknown'])
      expect(ofMessage?.sentence).to.include('it may be with b')
    }
  })

  it('answers from memory when the database is away, and only then', async () => {
    const failing = async () => Promise.reject(away)
    const changes: Partial<ExplainServices> = {
      tenants: { find: failing },
      messages: { find: failing },
      failures: { find: failing, pending: failing },
      schedules: { find: failing, list: failing },
      nodes: { reportsOf: failing, otherWorkers: failing },
    }
    const knowing = setup(() => answersOf(createNode({ message: running })), changes).explain
    expect((await knowing.explainTenant(tenantId))?.blockedBy).to.equal('database.unavailable')
    expect((await knowing.explainMessage(tenantId, messageId))?.standing).to.equal('processing')
    const recording = setup(() => answersOf(createNode({ message: { kind: 'settling' } })), changes).explain
    expect(await recording.explainMessage(tenantId, messageId)).to.include({ standing: 'processing', blockedBy: 'outcome.recording' })
    const ignorant = setup(() => silent, changes).explain
    for (const asked of [ignorant.explainTenant(tenantId), ignorant.explainMessage(tenantId, messageId)]) {
      expect(
        await asked.then(
          () => 'resolved',
          (error: unknown) => error instanceof AppError && error.code,
        ),
      ).to.equal('database.unavailable')
    }
  })

  it('knows no tenant that there is none of, and none of its messages', async () => {
    const { explain } = setup(() => answersOf(createNode({ tenant: null })), { tenants: { find: async () => undefined } })
    expect(await explain.explainTenant(tenantId)).to.equal(undefined)
    expect(await explain.explainMessage(tenantId, messageId)).to.equal(undefined)
  })

  it('answers other nodes from its own memory until it is closed', () => {
    const sessions = createSessions(1)
    const { explain, answerTo } = setup(() => silent, { sessions })
    const session = sessions.open(tenantId)
    const [first, second] = [createDelivery(), createDelivery({ id: messageId })]
    session.receive(first)
    session.receive(second)
    expect(answerTo({ tenantId, messageId })).to.deep.include({
      node: 'here',
      session: { inFlight: 2, inMailbox: 2, running: [] },
      message: { kind: 'mailbox', ahead: 1 },
    })
    session.take()
    session.runs(first, 4)
    expect(answerTo({ tenantId, messageId: first.id })).to.deep.nested.include({ 'message.kind': 'running', 'message.worker': 4 })
    session.ranOut(first)
    expect(answerTo({ tenantId, messageId: first.id })).to.deep.nested.include({ message: { kind: 'settling' } })
    session.committed(first, nowMs)
    expect(answerTo({ tenantId, messageId: first.id })).to.deep.nested.include({ message: null })
    expect(answerTo('nonsense')).to.equal(null)
    explain.close()
    expect(answerTo({ tenantId })).to.equal(undefined)
  })
})
