import { expect } from 'chai'
import fc from 'fast-check'
import { computeRetryDelayMs, defaultRetryPolicy, maxAttemptsOf, namedRetryPolicies } from '../../../src/core/retry-policy.ts'
import { readPayloadVisibility, readPublishQuota, readRetentionMs, resolveRetryPolicy } from '../../../src/core/tenant-config.ts'

const dayMs = 86_400_000

describe('resolveRetryPolicy', () => {
  const resolve = (retry: unknown, handler?: Parameters<typeof resolveRetryPolicy>[2], type = 'email') =>
    resolveRetryPolicy({ retry }, type, handler, defaultRetryPolicy)

  it('is the installation’s where nobody says anything', () => {
    expect(resolveRetryPolicy({}, 'email', undefined, defaultRetryPolicy)).to.equal(defaultRetryPolicy)
  })

  it('listens to the tenant about the type, then to the handler, then to the tenant’s default', () => {
    const retry = { default: { attempts: 2, base_ms: 20, cap_ms: 200 }, types: { email: { attempts: 4 } } }
    const handler = { attempts: 3, baseMs: 30 }
    expect(resolve(retry, handler)).to.include({ attempts: 4, baseMs: 30, capMs: 200, factor: 2 })
    expect(resolve(retry, handler, 'sms')).to.include({ attempts: 3, baseMs: 30, capMs: 200 })
    expect(resolve(retry, undefined, 'sms')).to.include({ attempts: 2, baseMs: 20, capMs: 200 })
    expect(resolve({ types: { email: 'location' } }, handler)).to.equal(namedRetryPolicies.location)
    expect(resolve({ default: 'location' }, undefined, 'sms')).to.equal(namedRetryPolicies.location)
    expect(resolve({ default: 'none' }, 'location')).to.equal(namedRetryPolicies.location)
  })

  it('reads every part', () => {
    const parts = { factor: 3, non_retryable: ['TypeError'], immediate_retries: 2, order: 'latest' }
    expect(resolve({ default: { ...parts, base_ms: 5, cap_ms: 50, attempts: 6 } })).to.deep.equal({
      strategy: 'exponential',
      attempts: 6,
      baseMs: 5,
      factor: 3,
      capMs: 50,
      nonRetryable: ['TypeError'],
      immediateRetries: 2,
      order: 'latest',
    })
    expect(resolve({ types: { email: { delays_ms: [1, 2], immediate_retries: 1 } } })).to.deep.equal({
      strategy: 'fixed',
      delaysMs: [1, 2],
      nonRetryable: [],
      immediateRetries: 1,
      order: 'oldest',
    })
  })

  it('takes a type that is named like something every object has for what it is', () => {
    for (const type of ['constructor', '__proto__', 'toString']) {
      expect(resolve({ types: {} }, undefined, type), type).to.equal(defaultRetryPolicy)
    }
  })

  it('takes a part that is unusable for absent, as in a configuration from before these keys had a meaning', () => {
    const unusable = {
      attempts: 'many',
      base_ms: -1,
      factor: 0,
      cap_ms: null,
      delays_ms: [],
      non_retryable: 5,
      immediate_retries: 1e9,
      order: 'random',
    }
    expect(resolve({ default: unusable, types: { email: [1] } })).to.deep.equal(defaultRetryPolicy)
    expect(resolve({ default: { ...unusable, attempts: 3 } })).to.deep.equal({ ...defaultRetryPolicy, attempts: 3 })
  })

  it('is a policy that can be counted with, whatever JSON the configuration is', () => {
    const keys = ['attempts', 'base_ms', 'factor', 'cap_ms', 'delays_ms', 'non_retryable', 'immediate_retries', 'order'] as const
    const part = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue())
    const policy = fc.oneof(part, fc.jsonValue(), fc.constantFrom('location', 'none', 'constructor'))
    const retry = fc.oneof(fc.jsonValue(), fc.record({ default: policy, types: fc.record({ email: policy }) }))
    fc.assert(
      fc.property(retry, (given) => {
        const resolved = resolve(given)
        const attempts = maxAttemptsOf(resolved)
        expect(attempts).to.be.within(1, Number.MAX_SAFE_INTEGER)
        if (attempts > 1) expect(computeRetryDelayMs(resolved, 1)).to.be.at.least(0)
        expect(computeRetryDelayMs(resolved, attempts)).to.equal(undefined)
        expect(resolved.nonRetryable.includes('TypeError')).to.be.a('boolean')
        expect(resolved.immediateRetries).to.be.within(0, 5)
        expect(['oldest', 'latest']).to.include(resolved.order)
      }),
    )
  })
})

describe('readRetentionMs', () => {
  const read = (own: unknown, installationDays = 90) =>
    readRetentionMs({ retention: { messages_days: own } }, 'messages_days', installationDays)

  it('is the tenant’s word, or else the installation’s; 0 and null keep for ever', () => {
    expect(read(7)).to.equal(7 * dayMs)
    expect(read(0.5)).to.equal(dayMs / 2)
    for (const forever of [0, null]) expect(read(forever)).to.equal(undefined)
    expect(readRetentionMs({}, 'failures_days', 90)).to.equal(90 * dayMs)
    expect(readRetentionMs({}, 'failures_days', 0)).to.equal(undefined)
  })

  it('never removes by a word that is unusable', () => {
    for (const unusable of [-1, '7', true, [], {}]) expect(read(unusable)).to.equal(90 * dayMs)
    for (const retention of [null, [], 'all']) expect(readRetentionMs({ retention }, 'messages_days', 90)).to.equal(90 * dayMs)
  })
})

describe('readPayloadVisibility', () => {
  it('is what the tenant says, else what the installation says', () => {
    expect(readPayloadVisibility({ payload_visibility: 'owner' }, 'all')).to.equal('owner')
    for (const unusable of [undefined, null, '', 'nobody', 'constructor', 1, ['none']]) {
      expect(readPayloadVisibility({ payload_visibility: unusable }, 'tenant')).to.equal('tenant')
    }
  })
})

describe('readPublishQuota', () => {
  it('is a whole number of messages a second, or no limit', () => {
    expect(readPublishQuota({ rate_limits: { publish_per_second: 500 } })).to.equal(500)
    for (const unusable of [undefined, null, 0, -1, 1.5, 1e9, '5', Number.NaN]) {
      expect(readPublishQuota({ rate_limits: { publish_per_second: unusable } })).to.equal(undefined)
    }
    for (const unusable of [undefined, null, 5, []]) expect(readPublishQuota({ rate_limits: unusable })).to.equal(undefined)
  })
})
