import { expect } from 'chai'
import fc from 'fast-check'
import type { AttemptRecord } from '../../../src/core/failure.ts'
import { ack, type Outcome, reject, retry } from '../../../src/core/outcome.ts'
import { defaultRetryPolicy, maxRetryDelayMs, namedRetryPolicies, type RetryPolicy } from '../../../src/core/retry-policy.ts'
import { decideSettlement, type EndedAttempt } from '../../../src/core/settlement.ts'

const fixed: RetryPolicy = {
  strategy: 'fixed',
  delaysMs: [1_000, 2_000],
  nonRetryable: ['CardError'],
  immediateRetries: 0,
  order: 'latest',
}

/** An attempt that began at 10,000 and took 500 ms. */
const end = (outcome: Outcome, attempt = 1, changes: Partial<EndedAttempt> & { firstAttempt?: number } = {}): EndedAttempt => {
  const { firstAttempt = 1, ...rest } = changes
  return { delivery: { attempt, firstAttempt }, outcome, startedAtMs: 10_000, durationMs: 500, ...rest }
}

describe('decideSettlement', () => {
  it('decides by outcome, policy and the runs that are left', () => {
    const classed = (errorClass: string): Outcome => ({ kind: 'retry', reason: 'no', errorClass })
    const table: readonly (readonly [EndedAttempt, string, string | number | undefined])[] = [
      [end(ack), 'processed', undefined],
      [end(ack, 99), 'processed', undefined],
      [end(retry('busy')), 'retrying', 11_500],
      [end(retry('busy'), 2), 'retrying', 12_500],
      [end(retry('busy'), 3), 'failed', 'all 3 attempts have failed'],
      [end(retry('busy'), 4), 'failed', 'all 4 attempts have failed'],
      [end(retry('busy', Number.NaN)), 'retrying', 11_500],
      [end(retry('busy', -5)), 'retrying', 10_500],
      [end(retry('busy', Number.POSITIVE_INFINITY)), 'retrying', 10_500 + maxRetryDelayMs],
      [end(retry('busy', '5' as unknown as number)), 'retrying', 11_500],
      [end(retry('busy', 60_000)), 'retrying', 70_500],
      [end(retry('busy', 0)), 'retrying', 10_500],
      [end(retry('busy', 60_000), 3), 'failed', 'all 3 attempts have failed'],
      [end(retry('busy', Number.MAX_SAFE_INTEGER)), 'retrying', 10_500 + maxRetryDelayMs],
      [end(classed('CardError')), 'failed', 'CardError is not retryable'],
      [end(classed('Timeout')), 'retrying', 11_500],
      [end(reject('no')), 'failed', 'the handler gave it up'],
      [end({ kind: 'reject', reason: 'no', errorClass: 'CardError' }), 'failed', 'the handler gave it up'],
      [end(retry('busy'), 7, { firstAttempt: 6 }), 'retrying', 12_500],
      [end(retry('busy'), 8, { firstAttempt: 6 }), 'failed', 'all 3 attempts have failed'],
    ]
    for (const [ended, kind, detail] of table) {
      const settlement = decideSettlement(ended, fixed)
      const found = settlement.kind === 'retrying' ? settlement.dueAtMs : settlement.kind === 'failed' ? settlement.reason : undefined
      expect([settlement.kind, found], JSON.stringify(ended)).to.deep.equal([kind, detail])
    }
  })

  it('passes on from when the policy counts, and which messages go first', () => {
    expect(decideSettlement(end(retry('busy'), 6, { firstAttempt: 6 }), fixed)).to.include({ firstAttempt: 6, order: 'latest' })
  })

  it('draws the wait of an exponential policy', () => {
    const settlement = decideSettlement(end(retry('busy'), 4), defaultRetryPolicy, () => 0.5)
    expect(settlement).to.include({ kind: 'retrying', dueAtMs: 10_500 + 4_000 })
  })

  it('has no second run under the policy `none`', () => {
    const { none } = namedRetryPolicies
    if (!none) return expect.fail('no such policy')
    expect(decideSettlement(end(retry('busy')), none)).to.include({ kind: 'failed', reason: 'its only attempt has failed' })
  })

  it('keeps what failed before in the same attempt, then the last run, redacted', () => {
    const earlier: AttemptRecord = { attempt: 2, startedAtMs: 1, durationMs: 2, outcome: 'failed', errorClass: 'Retry', error: 'first' }
    const settlement = decideSettlement(end(retry('password=hunter2'), 2, { runs: [earlier] }), fixed)
    expect(settlement).to.have.deep.property('history', [
      earlier,
      { attempt: 2, startedAtMs: 10_000, durationMs: 500, outcome: 'failed', errorClass: 'Retry', error: 'password=[redacted]' },
    ])
  })

  it('names a failure by its error class, and else by what the handler asked for', () => {
    const classOf = (outcome: Outcome): string | undefined => {
      const settlement = decideSettlement(end(outcome), fixed)
      return settlement.kind === 'processed' ? undefined : settlement.failure.errorClass
    }
    expect(classOf(retry('busy'))).to.equal('Retry')
    expect(classOf(reject('no'))).to.equal('Rejected')
    expect(classOf({ kind: 'reject', reason: 'no', errorClass: 'TypeError' })).to.equal('TypeError')
    const cut = classOf({ kind: 'reject', reason: 'no', errorClass: `${'x'.repeat(199)}😀` })
    expect(cut).to.have.length(200)
    expect(cut?.isWellFormed(), 'half a character').to.equal(true)
  })

  it('is total: whatever comes in, whole milliseconds and at least one line of history come out', () => {
    const outcome: fc.Arbitrary<Outcome> = fc.oneof(
      fc.record({ kind: fc.constant('retry' as const), reason: fc.string(), afterMs: fc.double({ min: 0, noNaN: true }) }),
      fc.record({ kind: fc.constant('retry' as const), reason: fc.string() }),
      fc.record({ kind: fc.constant('reject' as const), reason: fc.string(), errorClass: fc.string() }),
    )
    const time = fc.double({ min: 0, max: 1e12, noNaN: true })
    const policies = [fixed, ...Object.values(namedRetryPolicies)]
    fc.assert(
      fc.property(
        outcome,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        time,
        time,
        fc.constantFrom(...policies),
        (given, attempt, firstAttempt, startedAtMs, durationMs, policy) => {
          const settlement = decideSettlement(end(given, attempt, { firstAttempt, startedAtMs, durationMs }), policy)
          if (settlement.kind === 'processed') return expect.fail('processed')
          expect(settlement.history).to.have.length(1)
          for (const each of settlement.history) expect([each.startedAtMs, each.durationMs].every(Number.isSafeInteger)).to.equal(true)
          if (settlement.kind !== 'retrying') return undefined
          expect(Number.isSafeInteger(settlement.dueAtMs)).to.equal(true)
          expect(settlement.dueAtMs).to.be.within(
            Math.floor(startedAtMs + durationMs),
            Math.ceil(startedAtMs + durationMs + maxRetryDelayMs),
          )
          return undefined
        },
      ),
    )
  })
})
