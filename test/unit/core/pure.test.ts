import { expect } from 'chai'
import fc from 'fast-check'
import { computeBackoffMs } from '../../../src/core/backoff.ts'
import { AppError, errorText, toError } from '../../../src/core/errors.ts'
import { readMessageId, readTenantId, tenantDeadLetterQueueName, tenantQueueName } from '../../../src/core/ids.ts'
import { inspectJson, inspectText, maxJsonDepth } from '../../../src/core/json.ts'
import { createMeter } from '../../../src/core/meter.ts'
import { ack, isOutcome, reject, retry } from '../../../src/core/outcome.ts'
import { tenantId } from '../../actors/support/samples.ts'

describe('computeBackoffMs', () => {
  const policy = { baseMs: 100, factor: 2, capMs: 5_000 }

  it('doubles up to the cap, and draws from the upper half', () => {
    expect([1, 2, 3, 7, 1_000].map((attempt) => computeBackoffMs(attempt, policy, () => 0))).to.deep.equal([100, 200, 400, 5_000, 5_000])
    expect(computeBackoffMs(1, policy, () => 0.999_999)).to.equal(50)
  })

  it('stays within half the cap and the cap for every attempt', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 5_000 }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (attempt, random) => {
        expect(computeBackoffMs(attempt, policy, () => random)).to.be.within(50, 5_000)
      }),
    )
  })
})

describe('inspectJson', () => {
  it('passes what JSON.parse makes of ordinary JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false, stringUnit: 'grapheme-ascii' }), (value) => {
        expect(inspectJson(value, 'data')).to.equal(undefined)
      }),
    )
  })

  it('names the place of the first fault', () => {
    expect(inspectJson({ items: [1, { name: 'a\u0000' }] }, 'data')?.path).to.equal('data.items[1].name')
    expect(inspectJson({ a: { '\ud800': 1 } }, 'data')?.path).to.equal('data.a (a key)')
    expect(inspectJson(JSON.parse('[1e999]'), 'data')).to.deep.equal({ path: 'data[0]', message: 'the number is out of range' })
    expect(inspectText('\udc00', 'type')?.message).to.contain('surrogate')
  })

  it('refuses nesting deeper than its limit, and nothing less, without overflowing', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
    expect(inspectJson(nested(maxJsonDepth), 'data')).to.equal(undefined)
    expect(inspectJson(nested(maxJsonDepth + 1), 'data')?.message).to.contain('nested deeper')
    expect(inspectJson(nested(5_000), 'data')?.path.length).to.be.at.most(200)
  })
})

describe('createMeter', () => {
  it('knows nothing before the first message', () => {
    const meter = createMeter()
    expect(meter.ratePerSecond(1_000_000)).to.equal(0)
    expect(meter.latencyMs(0.5, 1_000_000)).to.equal(null)
  })

  it('averages over the last minute, and forgets what is older', () => {
    const meter = createMeter()
    for (let second = 0; second < 60; second++) for (let each = 0; each < 10; each++) meter.count(second * 1000, 1)
    expect(meter.ratePerSecond(59_999)).to.equal(10)
    expect(meter.ratePerSecond(89_999)).to.equal(5)
    expect(meter.ratePerSecond(200_000)).to.equal(0)
  })

  it('knows the rate of the present run of work, whatever was before its pause', () => {
    const meter = createMeter()
    expect(meter.workingRatePerSecond(500)).to.equal(0)
    for (let each = 0; each < 1_000; each++) meter.count(1_000_000, 1)
    for (let second = 1_030; second < 1_040; second++) for (let each = 0; each < 2; each++) meter.count(second * 1000, 1)
    expect(meter.workingRatePerSecond(1_040_000)).to.equal(2)
    expect(meter.workingRatePerSecond(1_080_000), 'after a pause').to.equal(0)
    meter.count(1_100_200, 1)
    expect(meter.workingRatePerSecond(1_100_400), 'in its first second').to.equal(1)
  })

  it('counts as many messages as there were in the window, whatever their times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 100 }), (gaps) => {
        const meter = createMeter()
        const times: number[] = []
        let second = 1_000
        for (const gap of gaps) {
          second += gap % 7 === 0 ? gap : gap % 5
          times.push(second)
          meter.count(second * 1000, 1)
        }
        expect(meter.ratePerSecond(second * 1000) * 60).to.be.closeTo(times.filter((at) => at > second - 60).length, 1e-6)
      }),
    )
  })

  it('tells a quantile within a quarter of the truth', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(0.5, 0.9, 0.99),
        (latencies, quantile) => {
          const meter = createMeter()
          for (const latency of latencies) meter.count(60_000, latency)
          const truth = latencies.toSorted((a, b) => a - b)[Math.ceil(quantile * latencies.length) - 1] ?? 0
          const told = meter.latencyMs(quantile, 60_000) ?? 0
          expect(told).to.be.within(truth * 0.99, truth * 1.26 + 0.1)
        },
      ),
    )
  })

  it('keeps latencies for one to two minutes', () => {
    const meter = createMeter()
    meter.count(60_000, 100)
    expect(meter.latencyMs(0.5, 121_000)).to.be.greaterThan(99)
    expect(meter.latencyMs(0.5, 400_000)).to.equal(null)
  })
})

describe('errors', () => {
  it('keep Errors, and make one of everything else that can be thrown', () => {
    const error = new TypeError('x')
    expect(toError(error)).to.equal(error)
    expect(toError('a text').message).to.equal('a text')
    const unprintable = Object.create(null) as unknown
    for (const thrown of [undefined, null, 42, unprintable, Symbol('s')]) expect(toError(thrown)).to.include({ code: 'internal' })
  })

  it('have one line of bounded length, also where Node gives no message', () => {
    expect(errorText(new Error('two\n  lines'))).to.equal('two lines')
    expect(errorText(new Error('x'.repeat(1_000)))).to.have.length(500)
    expect(errorText(new AggregateError([new Error('connection refused')]))).to.equal('connection refused')
    expect(errorText(new Error(''))).to.equal('Error')
  })

  it('carry how far they reach, and whether trying again can help', () => {
    expect(new AppError('internal', 'x')).to.deep.include({ retryable: false, scope: 'process', details: {} })
    expect(new AppError('internal', 'x', { cause: 1 }).cause).to.equal(1)
  })
})

describe('ids', () => {
  it('are UUIDs of any RFC 9562 version, in lower case', () => {
    expect(readTenantId(tenantId.toUpperCase())).to.equal(tenantId)
    fc.assert(fc.property(fc.uuid(), (id) => void expect(readMessageId(id)).to.equal(id)))
    for (const text of ['', 'x', `${tenantId} `, `${tenantId}\n`, tenantId.replace('7c3e', '0c3e'), tenantId.slice(1)]) {
      expect(readTenantId(text), text).to.equal(undefined)
    }
  })

  it('name the queues', () => {
    expect(tenantQueueName(tenantId)).to.equal(`tenant_${tenantId}_queue`)
    expect(tenantDeadLetterQueueName(tenantId)).to.equal(`tenant_${tenantId}_dlq`)
  })
})

describe('outcomes', () => {
  it('are told from everything else', () => {
    for (const outcome of [ack, retry('later'), retry('later', 5), reject('no')]) expect(isOutcome(outcome)).to.equal(true)
    for (const value of [undefined, null, 'ack', {}, { kind: 'nack' }, { kind: 'retry' }, { kind: 'reject', reason: 1 }]) {
      expect(isOutcome(value)).to.equal(false)
    }
  })
})
