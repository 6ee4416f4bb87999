import { expect } from 'chai'
import fc from 'fast-check'
import type { NodeFacts } from '../../../../src/engine/inspection/explain-facts.ts'
import { readExplanation, readNodeFacts, readQuestion } from '../../../../src/engine/inspection/explain-facts-json.ts'
import { tenantId } from '../../../actors/support/samples.ts'
import { backingOff, createNode, messageId, nowMs } from './explain-samples.ts'

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('what nodes tell each other about a tenant', () => {
  const remedy = { method: 'PUT', path: '/x', body: { workers: 4 }, description: 'More.' } as const
  const facts: readonly NodeFacts[] = [
    createNode(),
    createNode({ tenant: null, session: null, link: 'away' }),
    createNode({
      tenant: { explanation: { ...backingOff, remedy }, workers: 1 },
      session: { inFlight: 2, inMailbox: 1, running: [{ messageId, worker: 1, sinceMs: nowMs, untilMs: nowMs + 9_000 }] },
      circuits: [{ destination: 'd', state: 'half_open', untilMs: nowMs, reason: 'r' }],
      message: { kind: 'running', worker: 1, sinceMs: nowMs, untilMs: nowMs + 9_000, attempt: 2 },
    }),
    createNode({ message: { kind: 'mailbox', ahead: 3 } }),
    createNode({ message: { kind: 'settling' } }),
  ]

  it('arrives as it was sent', () => {
    for (const each of facts) expect(readNodeFacts(throughJson(each), 'a')).to.deep.equal(each)
    const question = { tenantId, messageId, ready: 4 }
    expect(readQuestion(throughJson(question))).to.deep.equal(question)
    for (const question of [{ tenantId }, { tenantId, messageId: null, ready: null }])
      expect(readQuestion(question)).to.deep.equal({ tenantId, messageId: undefined, ready: undefined })
  })

  it('is not believed in another shape, nor does any shape throw', () => {
    for (const value of [null, 1, [], {}, { ...facts[0], link: 'x' }, { ...facts[0], ratePerSecond: -1 }, { ...facts[0], tenant: {} }]) {
      expect(readNodeFacts(value, 'a')).to.equal(undefined)
    }
    expect(readNodeFacts({ ...facts[0], message: { kind: 'mailbox', ahead: 'x' } }, 'a')).to.equal(undefined)
    expect(readQuestion({ tenantId: 'x' })).to.equal(undefined)
    expect(readQuestion({ tenantId, messageId: 'x' })).to.equal(undefined)
    expect(readExplanation({ ...backingOff, until: 'yesterday' })).to.equal(undefined)
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readNodeFacts(value, 'a')
        readQuestion(value)
        readExplanation(value)
      }),
      { numRuns: 200 },
    )
  })

  it('is by whoever answered, whatever it says', () => {
    expect(readNodeFacts(throughJson(createNode({ node: 'somebody else' })), 'a')?.node).to.equal('a')
  })
})
