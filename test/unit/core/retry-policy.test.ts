import { expect } from 'chai'
import fc from 'fast-check'
import {
  applyRetryPatch,
  computeRetryDelayMs,
  defaultRetryPolicy,
  type ExponentialRetry,
  maxAttemptsOf,
  namedRetryPolicies,
  type RetryPolicy,
} from '../../../src/core/retry-policy.ts'

const named = (name: string): RetryPolicy => {
  const policy = namedRetryPolicies[name]
  if (!policy) throw new Error(`no policy ${name}`)
  return policy
}

describe('computeRetryDelayMs', () => {
  const exponential = fc.record({
    attempts: fc.integer({ min: 1, max: 100 }),
    baseMs: fc.integer({ min: 0, max: 86_400_000 }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    capMs: fc.integer({ min: 0, max: 2_592_000_000 }),
  })

  it('draws from nothing to base × factor^(n−1), at most the cap, for as many runs as the policy allows', () => {
    const run = fc.integer({ min: 1, max: 120 })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(exponential, run, random, (parts, n, drawn) => {
        const policy: RetryPolicy = { ...(defaultRetryPolicy as ExponentialRetry), ...parts }
        const delayMs = computeRetryDelayMs(policy, n, () => drawn)
        if (n >= parts.attempts) {
          expect(delayMs).to.equal(undefined)
          return
        }
        const ceilingMs = Math.min(parts.capMs, parts.baseMs * parts.factor ** (n - 1))
        expect(delayMs).to.be.within(0, Math.round(ceilingMs))
        expect(Number.isSafeInteger(delayMs)).to.equal(true)
      }),
    )
  })

  it('uses the whole width: two nodes that fail together do not come back together', () => {
    const delays = Array.from({ length: 400 }, () => computeRetryDelayMs(defaultRetryPolicy, 5) ?? 0)
    expect(Math.min(...delays)).to.be.below(4_000)
    expect(Math.max(...delays)).to.be.above(12_000)
    expect(computeRetryDelayMs(defaultRetryPolicy, 5, () => 0)).to.equal(0)
    expect(computeRetryDelayMs(defaultRetryPolicy, 5, () => 1 - Number.EPSILON)).to.equal(16_000)
  })

  it('is eight retries for locations, each wait twice the one before: 1 to 128 minutes, without a draw', () => {
    const location = named('location')
    expect(maxAttemptsOf(location)).to.equal(9)
    expect(location.order).to.equal('latest')
    const minutes = Array.from({ length: 9 }, (_, index) => {
      const delayMs = computeRetryDelayMs(location, index + 1)
      return delayMs === undefined ? undefined : delayMs / 60_000
    })
    expect(minutes).to.deep.equal([1, 2, 4, 8, 16, 32, 64, 128, undefined])
  })

  it('is nothing under `none`, and nine waits under the default', () => {
    expect(computeRetryDelayMs(named('none'), 1)).to.equal(undefined)
    expect(named('default')).to.equal(defaultRetryPolicy)
    expect(maxAttemptsOf(defaultRetryPolicy)).to.equal(10)
  })
})

describe('applyRetryPatch', () => {
  const base: RetryPolicy = { ...(defaultRetryPolicy as ExponentialRetry), baseMs: 7, nonRetryable: ['Base'], order: 'latest' }

  it('leaves the base where nothing is said', () => {
    expect(applyRetryPatch(base, undefined)).to.equal(base)
    expect(applyRetryPatch(base, {})).to.deep.equal(base)
  })

  it('takes a policy by its name as a whole', () => {
    expect(applyRetryPatch(base, 'location')).to.equal(namedRetryPolicies.location)
    expect(applyRetryPatch(base, 'unheard of')).to.equal(base)
    for (const inherited of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(applyRetryPatch(base, inherited), inherited).to.equal(base)
    }
  })

  it('changes the parts that are named', () => {
    expect(applyRetryPatch(base, { attempts: 3, nonRetryable: [] })).to.deep.equal({ ...base, attempts: 3, nonRetryable: [] })
  })

  it('replaces the waits by a list, and keeps what is common', () => {
    expect(applyRetryPatch(base, { delaysMs: [1, 2] })).to.deep.equal({
      strategy: 'fixed',
      delaysMs: [1, 2],
      nonRetryable: ['Base'],
      immediateRetries: 0,
      order: 'latest',
    })
  })

  it('keeps the list of waits when only what every policy has is named', () => {
    const { location } = namedRetryPolicies
    expect(applyRetryPatch(location ?? base, {})).to.deep.equal(location)
    expect(applyRetryPatch(location ?? base, { immediateRetries: 2, nonRetryable: ['TypeError'] })).to.deep.equal({
      ...location,
      immediateRetries: 2,
      nonRetryable: ['TypeError'],
    })
  })

  it('makes an exponential policy of a fixed one when its parts are named, from the installation’s usual', () => {
    const { location } = namedRetryPolicies
    if (!location) return expect.fail('no such policy')
    expect(applyRetryPatch(location, { attempts: 4 })).to.deep.equal({ ...defaultRetryPolicy, attempts: 4, order: 'latest' })
    return undefined
  })
})
