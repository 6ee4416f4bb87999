import { expect } from 'chai'
import fc from 'fast-check'
import { ack, reject, retry } from '../../../src/core/outcome.ts'
import { createConcealer } from '../../../src/handlers/concealer.ts'

describe('a concealer', () => {
  it('passes everything on as it is until it has a value', () => {
    const concealer = createConcealer()
    const outcome = retry('later')
    expect(concealer.outcome(outcome)).to.equal(outcome)
    expect(concealer.text('canary')).to.equal('canary')
  })

  it('conceals every value wherever it stands in a text', () => {
    const value = fc.string({ unit: 'grapheme-ascii', minLength: 4, maxLength: 40 }).filter((text) => !'[redacted]'.includes(text))
    const form = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => `https://host/?q=${encodeURIComponent(text)}&r=1`,
      (text) => JSON.stringify({ inner: text }),
    )
    fc.assert(
      fc.property(fc.string(), value, form, fc.string(), (before, secret, write, after) => {
        const concealer = createConcealer()
        expect(concealer.add(secret)).to.equal(secret)
        expect(concealer.text(`${before}${write(secret)}${after}`))
          .to.include('[redacted]')
          .and.to.not.include(write(secret))
      }),
    )
  })

  it('conceals a value of several lines as a whole, on one line and line by line', () => {
    const lines = ['-----BEGIN PRIVATE KEY-----', 'MC4CAQAwBQYDK2VwBCIEIJ', 'x0pYkq2H9aT3bVf7cRs5', '-----END PRIVATE KEY-----']
    const concealer = createConcealer()
    concealer.add(`${lines.join('\n')}\n`)
    expect(concealer.text(`bad: ${lines.join('\n')}\n`)).to.equal('bad: [redacted]')
    expect(concealer.text(`bad: ${lines.join(' ')}!`)).to.equal('bad: [redacted]!')
    expect(concealer.text(`line 2 is ${lines[1]}, sorry`)).to.equal('line 2 is [redacted], sorry')
  })

  it('conceals the beginning of a value where a text was cut', () => {
    const concealer = createConcealer()
    concealer.add('canary-0123456789')
    expect(concealer.text('it is canary-0')).to.equal('it is [redacted]')
    expect(concealer.text('it is can')).to.equal('it is can')
  })

  it('conceals the longer of two values, one of which is in the other', () => {
    const concealer = createConcealer()
    concealer.add('canary')
    concealer.add('canary-0123')
    expect(concealer.text('canary-0123 and canary')).to.equal('[redacted] and [redacted]')
  })

  it('does not take every other word for a value of three characters', () => {
    const concealer = createConcealer()
    concealer.add('the')
    expect(concealer.text('the other')).to.equal('the other')
  })

  it('conceals reasons and classes of outcomes, and keeps the rest', () => {
    const concealer = createConcealer()
    concealer.add('canary')
    expect(concealer.outcome(ack)).to.equal(ack)
    expect(concealer.outcome(retry('a canary', 5))).to.deep.equal({ kind: 'retry', reason: 'a [redacted]', afterMs: 5 })
    expect(concealer.outcome({ ...reject('no'), errorClass: 'canary' })).to.deep.equal({
      kind: 'reject',
      reason: 'no',
      errorClass: '[redacted]',
    })
  })

  it('conceals what is logged, at any depth, and survives what cannot be read', () => {
    const lines: unknown[] = []
    const write = (message: string, details?: object): void => void lines.push([message, details])
    const concealer = createConcealer()
    const logger = concealer.logger({ debug: write, info: write, warn: write, error: write })
    concealer.add('canary')
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const trap = {
      get inner(): unknown {
        throw new Error('no')
      },
    }
    logger.info('canary', { canary: 1, list: ['canary'], map: new Map([['a', 'canary']]), set: new Set(['canary']), at: new Date(0) })
    logger.error('x', { error: new AggregateError([new TypeError('canary')], 'canary', { cause: { text: 'canary' } }), cycle, trap })
    const [info, error] = lines as [[string, object], [string, { error: AggregateError; trap: unknown }]]
    expect(info).to.deep.equal([
      '[redacted]',
      { '[redacted]': 1, list: ['[redacted]'], map: { a: '[redacted]' }, set: ['[redacted]'], at: new Date(0) },
    ])
    const { error: shown, trap: unreadable } = error[1]
    expect(shown).to.be.instanceOf(AggregateError).with.property('message', '[redacted]')
    expect(shown.stack).to.not.include('canary\n')
    expect(shown.cause).to.deep.equal({ text: '[redacted]' })
    expect(shown.errors[0]).to.include({ name: 'TypeError', message: '[redacted]' })
    expect(unreadable).to.equal('(unreadable)')
  })
})
