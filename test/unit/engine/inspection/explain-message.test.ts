import { expect } from 'chai'
import { blocked } from '../../../../src/core/explanation.ts'
import type { StoredMessage } from '../../../../src/core/ports/message-store.ts'
import type { ScheduledMessage } from '../../../../src/core/ports/schedule-store.ts'
import { explainMessage } from '../../../../src/engine/inspection/explain-message.ts'
import type { Finding, MessagePicture } from '../../../../src/engine/inspection/message-finding.ts'
import { tenantId } from '../../../actors/support/samples.ts'
import { isRoute } from '../../../support/api-routes.ts'
import { backingOff, createFailed, createMessagePicture, createNode, messageId, nowMs } from './explain-samples.ts'

const paused = blocked('tenant.paused', `Tenant ${tenantId} is paused: messages wait.`, {
  remedy: { method: 'POST', path: `/tenants/${tenantId}/resume`, description: 'Resumes.' },
})
const scheduledAt = (ms: number): ScheduledMessage => ({
  ...{ id: messageId, tenantId, type: 'note', data: null, priority: 0, key: null, createdAt: new Date(nowMs) },
  scheduledAt: new Date(nowMs + ms),
})
const stored = (changes: Partial<StoredMessage>): StoredMessage => ({
  ...{ id: messageId, tenantId, type: 'note', data: null, priority: 0, key: null, status: 'processed', attempts: 1, error: null },
  ...{ createdAt: new Date(nowMs), processedAt: new Date(nowMs) },
  ...changes,
})

function explain(changes: Partial<MessagePicture>): Finding {
  const found = explainMessage(createMessagePicture(changes))
  if (!found) throw new Error('it was found nowhere')
  expect(found.sentence).to.match(/\.$/)
  expect(found.sentence, 'an error’s text').to.not.include('4711')
  if (found.remedy) expect(isRoute(found.remedy), found.remedy.path).to.equal(true)
  return found
}
const summary = ({ standing, blockedBy, until }: Finding) => [standing, blockedBy, until && until.getTime() - nowMs]

describe('the explanation of a message', () => {
  it('that runs names the worker, the node and for how long, whatever else is known of it', () => {
    const message = { kind: 'running', worker: 2, sinceMs: nowMs - 3_000, untilMs: nowMs + 9_000, attempt: 4 } as const
    const found = explain({ nodes: [createNode(), createNode({ node: 'b', message })], failed: createFailed({ status: 'retried' }) })
    expect(summary(found), 'until its handler is given up').to.deep.equal(['processing', 'handler.running', 9_000])
    expect(found.sentence).to.equal(`Message ${messageId} has been processed by worker 2 of node b for 3 s, attempt 4.`)
  })

  it('that has arrived knows its place exactly, and what its node waits for', () => {
    const message = { kind: 'mailbox', ahead: 6 } as const
    const found = explain({ nodes: [createNode({ message, ratePerSecond: 2 })] })
    expect(summary(found)).to.deep.equal(['queued', 'workers.busy', 3_000])
    expect([found.position, found.expectedAt?.getTime()]).to.deep.equal([{ ahead: 6, atMost: false }, nowMs + 3_000])
    const waits = explain({ nodes: [createNode({ message, tenant: { explanation: backingOff, workers: 0 } })] })
    expect(summary(waits)).to.deep.equal(['queued', 'tenant.backing_off', 900])
    expect(waits.sentence).to.include(', because tenant ')
    expect(waits.detail).to.equal(backingOff.detail)
  })

  it('that is scheduled waits for its time, says that it can be cancelled but names no call that would, and is next when that has come', () => {
    const found = explain({ scheduled: scheduledAt(5_000) })
    expect(summary(found)).to.deep.equal(['scheduled', 'schedule.waiting', 5_000])
    expect([found.expectedAt?.getTime(), found.remedy]).to.deep.equal([nowMs + 5_000, null])
    expect(found.sentence).to.match(/; it can be cancelled until then\.$/)
    expect(summary(explain({ scheduled: scheduledAt(-5) }))).to.deep.equal(['scheduled', 'schedule.due', null])
    expect(summary(explain({ scheduled: scheduledAt(-5), tenantBlock: backingOff }))).to.deep.equal([
      'scheduled',
      'tenant.backing_off',
      900,
    ])
  })

  it('that waits for a retry says for which and until when, and keeps the error’s text apart', () => {
    const found = explain({ failed: createFailed() })
    expect(summary(found)).to.deep.equal(['retrying', 'retry.waiting', 5_000])
    expect(found.sentence).to.equal(
      `Message ${messageId} failed at attempt 3 (TimeoutError), and waits for retry 3, which is due at ${new Date(nowMs + 5_000).toISOString()}.`,
    )
    expect([found.detail, found.remedy?.path]).to.deep.equal([
      'card 4711 was refused',
      `/tenants/${tenantId}/failed-messages/${messageId}/retry`,
    ])
  })

  it('that waits for its time in a tenant that was stopped waits for the tenant, and is not expected', () => {
    for (const changes of [
      { failed: createFailed() },
      { failed: createFailed({ errorClass: 'CircuitOpen' }) },
      { scheduled: scheduledAt(5_000) },
    ]) {
      const found = explain({ ...changes, tenantBlock: paused })
      expect([found.blockedBy, found.until, found.expectedAt]).to.deep.equal(['tenant.paused', null, null])
      expect(found.sentence).to.match(/; meanwhile tenant .* is paused: messages wait\.$/)
      expect(found.remedy).to.deep.equal(paused.remedy)
      const inTime = explain({ ...changes, tenantBlock: backingOff })
      expect([inTime.blockedBy, inTime.expectedAt?.getTime()], 'that is over before').to.deep.equal([
        explain(changes).blockedBy,
        nowMs + 5_000,
      ])
      const longer = explain({ ...changes, tenantBlock: { ...backingOff, until: new Date(nowMs + 5_001) } })
      expect([longer.blockedBy, longer.expectedAt]).to.deep.equal(['tenant.backing_off', null])
    }
  })

  it('that waits for its time in a tenant that is being deleted is discarded with it, whether it is due or not', () => {
    const deadline = new Date(nowMs + 900)
    const deleting = blocked('tenant.deleting', `Tenant ${tenantId} works its queue off before it is deleted.`, { until: deadline })
    for (const dueMs of [5_000, -5_000]) {
      const failed = createFailed({ nextRetryAt: new Date(nowMs + dueMs) })
      for (const changes of [{ failed }, { scheduled: scheduledAt(dueMs) }]) {
        const found = explain({ ...changes, tenantBlock: deleting })
        expect([found.blockedBy, found.until, found.expectedAt, found.remedy]).to.deep.equal(['tenant.deleting', deadline, null, null])
        expect(found.sentence).to.match(
          /; it is not run any more but discarded, because tenant .* works its queue off before it is deleted\.$/,
        )
      }
    }
  })

  it('that was put off waits until its circuit lets a probe through, which no call brings forward', () => {
    const failed = createFailed({ errorClass: 'CircuitOpen' })
    const circuitsTo = (...destinations: readonly string[]) =>
      destinations.map((destination) => ({ destination, state: 'open', untilMs: nowMs + 4_000, reason: '' }) as const)
    const found = explain({ failed, nodes: [createNode({ circuits: circuitsTo('api.example') })] })
    expect([...summary(found), found.expectedAt?.getTime(), found.remedy]).to.deep.equal([
      ...['retrying', 'circuit.open', 4_000],
      ...[nowMs + 5_000, null],
    ])
    for (const circuits of [[], circuitsTo('api.example', 'other.example')]) {
      expect(summary(explain({ failed, nodes: [createNode({ circuits })] }))).to.deep.equal(['retrying', 'circuit.open', 5_000])
    }
  })

  it('whose retry is due waits for room, or for what keeps it from its queue', () => {
    const failed = createFailed({ nextRetryAt: new Date(nowMs - 1_000) })
    expect(summary(explain({ failed }))).to.deep.equal(['retrying', 'retry.due', null])
    expect(summary(explain({ failed, tenantBlock: paused }))).to.deep.equal(['retrying', 'tenant.paused', null])
    const away = [createNode({ link: 'away' }), createNode({ link: 'connecting' })]
    expect(summary(explain({ failed, nodes: away }))).to.deep.equal(['retrying', 'broker.unavailable', null])
    expect(summary(explain({ failed, nodes: [createNode({ link: 'blocked' })] }))).to.deep.equal(['retrying', 'broker.blocked', null])
  })

  it('that was put back in its queue has its place there, or is on its way', () => {
    const failed = createFailed({ status: 'retried', nextRetryAt: null })
    const waiting = explain({ failed, place: { kind: 'waiting', ahead: 1 } })
    expect([waiting.standing, waiting.position]).to.deep.equal(['retrying', { ahead: 1, atMost: false }])
    expect(waiting.sentence).to.match(/^Retry 2 of message .* waits in its queue, with 1 message before it\.$/)
    const among = explain({ failed, place: { kind: 'unknowable' }, depth: { ready: 3, unacked: undefined, dlq: 0 } })
    expect([among.standing, among.position]).to.deep.equal(['retrying', { ahead: 2, atMost: true }])
    for (const place of [{ kind: 'missing' } as const, { kind: 'unknowable' } as const, undefined]) {
      expect(summary(explain({ failed, place }))).to.deep.equal(['retrying', 'retry.under_way', null])
    }
  })

  it('that is at its end says how it came there', () => {
    const closed = { nextRetryAt: null, closedAt: new Date(nowMs) }
    const failed = explain({ failed: createFailed({ ...closed, status: 'permanently_failed', reason: 'all 3 attempts have failed' }) })
    expect([failed.standing, failed.blockedBy, failed.detail]).to.deep.equal(['failed', 'message.failed', 'card 4711 was refused'])
    expect(failed.sentence).to.include('after 3 attempts (TimeoutError): all 3 attempts have failed.')
    expect(failed.remedy?.path).to.equal(`/tenants/${tenantId}/failed-messages/${messageId}/retry`)
    expect(explain({ failed: createFailed({ ...closed, status: 'permanently_failed', type: null }) }).remedy).to.equal(null)
    expect(summary(explain({ failed: createFailed({ ...closed, status: 'discarded' }) }))).to.deep.equal([
      'failed',
      'message.discarded',
      null,
    ])
    const resolved = explain({ failed: createFailed({ ...closed, status: 'resolved' }) })
    expect([...summary(resolved), resolved.detail]).to.deep.equal(['processed', null, null, null])
    expect(summary(explain({ stored: stored({ attempts: 2 }) }))).to.deep.equal(['processed', null, null])
    expect(summary(explain({ stored: stored({ status: 'failed' }) }))).to.deep.equal(['failed', 'message.failed', null])
  })

  it('that waits in its queue is blocked by what its tenant is blocked by, or by what is before it', () => {
    const place = { kind: 'waiting', ahead: 7 } as const
    const blockedByTenant = explain({ place, tenantBlock: paused })
    expect([...summary(blockedByTenant), blockedByTenant.remedy?.path]).to.deep.equal([
      'queued',
      'tenant.paused',
      null,
      `/tenants/${tenantId}/resume`,
    ])
    expect(blockedByTenant.sentence).to.equal(
      `Message ${messageId} waits in its queue, with 7 messages before it, because tenant ${tenantId} is paused: messages wait.`,
    )
    const nodes = [createNode({ ratePerSecond: 5, session: { inFlight: 3, inMailbox: 3, running: [] } })]
    const expected = explain({ place, nodes })
    expect([...summary(expected), expected.expectedAt?.getTime()]).to.deep.equal(['queued', 'queue.backlog', 2_000, nowMs + 2_000])
    expect(expected.position, 'what nodes have fetched is before it').to.deep.equal({ ahead: 10, atMost: false })
    expect(expected.sentence).to.match(/, with 10 messages before it\.$/)
  })

  it('that waits has before it what every node has fetched', () => {
    const fetched = (node: string, inMailbox: number) => createNode({ node, session: { inFlight: inMailbox, inMailbox, running: [] } })
    const nodes = [fetched('a', 300), fetched('b', 299)]
    const found = explain({ place: { kind: 'unknowable' }, depth: { ready: 349, unacked: undefined, dlq: 0 }, nodes })
    expect([found.position, found.blockedBy, found.expectedAt]).to.deep.equal([{ ahead: 947, atMost: true }, 'queue.backlog', null])
  })

  it('that nobody knows, where the broker cannot look for it, is unknown: it may wait, and may never have been accepted', () => {
    const place = { kind: 'unknowable' } as const
    const depth = { ready: 4, unacked: undefined, dlq: 0 }
    const nodes = [createNode({ ratePerSecond: 5, session: { inFlight: 2, inMailbox: 1, running: [] } })]
    const found = explain({ place, depth, nodes })
    expect([...summary(found), found.position, found.expectedAt?.getTime()]).to.deep.equal([
      ...['unknown', 'queue.backlog', 800],
      ...[{ ahead: 4, atMost: true }, nowMs + 800],
    ])
    expect(found.sentence).to.equal(
      `Message ${messageId} may be among the 4 messages that wait in its queue, or was never accepted; the broker does not say which they are.`,
    )
    expect(explainMessage(createMessagePicture({ place, nodes }))).to.equal(undefined)
    expect(explainMessage(createMessagePicture({ place }))).to.equal(undefined)
  })

  it('that nobody knows, while the broker is away, is not said to have never been accepted', () => {
    const unavailable = blocked('broker.unavailable', `Tenant ${tenantId} is not attached to its queue.`)
    for (const changes of [
      { place: 'silent', tenantBlock: paused },
      { place: { kind: 'unknowable' }, tenantBlock: unavailable },
    ] as const) {
      const found = explain(changes)
      expect([...summary(found), found.remedy]).to.deep.equal(['unknown', 'broker.unavailable', null, null])
      expect(found.sentence).to.match(/nobody can tell whether it waits in its queue, because /)
    }
    const retried = explain({ failed: createFailed({ status: 'retried', nextRetryAt: null }), place: 'silent' })
    expect(summary(retried)).to.deep.equal(['retrying', 'broker.unavailable', null])
    expect(retried.sentence).to.match(/^Retry 2 of message .* because the broker does not answer\.$/)
  })

  it('that nobody knows is blocked by what its tenant is blocked by, if it waits', () => {
    const found = explain({ place: { kind: 'unknowable' }, depth: { ready: 4, unacked: undefined, dlq: 0 }, tenantBlock: paused })
    expect([...summary(found), found.position]).to.deep.equal(['unknown', 'tenant.paused', null, { ahead: 3, atMost: true }])
    expect(found.sentence).to.match(/Nothing of that queue is run, because tenant .* is paused: messages wait\.$/)
    expect(found.remedy).to.deep.equal(paused.remedy)
  })

  it('that was delivered and is with no worker is being recorded, which takes its time without a database', () => {
    const place = { kind: 'delivered' } as const
    expect(summary(explain({ place }))).to.deep.equal(['processing', 'outcome.recording', null])
    const stalled = blocked('database.unavailable', 'The tenant is stalled.')
    const found = explain({ place, nodes: [createNode({ tenant: { explanation: stalled, workers: 2 } })] })
    expect(summary(found)).to.deep.equal(['processing', 'database.unavailable', null])
  })

  it('whose handler has ended is being recorded by the node that has it, whatever the others say', () => {
    const stalled = blocked('database.unavailable', 'The tenant is stalled.')
    const others = createNode({ node: 'b', tenant: { explanation: stalled, workers: 2 } })
    const message = { kind: 'settling' } as const
    expect(summary(explain({ nodes: [others, createNode({ message })] }))).to.deep.equal(['processing', 'outcome.recording', null])
    const found = explain({ nodes: [createNode(), { ...others, message }] })
    expect(summary(found)).to.deep.equal(['processing', 'database.unavailable', null])
    expect(found.sentence).to.match(/ is being decided or recorded, which takes its time because the tenant is stalled\.$/)
  })

  it('that is nowhere is not found', () => {
    for (const place of [{ kind: 'missing' } as const, undefined])
      expect(explainMessage(createMessagePicture({ place }))).to.equal(undefined)
  })
})
