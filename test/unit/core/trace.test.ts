import { expect } from 'chai'
import fc from 'fast-check'
import { formatTrace, formatTraceparent, readTrace, readTraceContext, readTraceparent, toTrace } from '../../../src/core/trace.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${spanId}-01`

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[^0]/.test(text))
const visible = fc.string({ unit: fc.constantFrom(...'abz09_-=,;:*@ /!~'), minLength: 1, maxLength: 200 })
const traces = fc.record(
  {
    traceparent: fc.record({ traceId: hex(32), spanId: hex(16), isSampled: fc.boolean() }).map(formatTraceparent),
    tracestate: visible,
    lastSpanId: hex(16),
  },
  { requiredKeys: ['traceparent'] },
)

describe('a traceparent', () => {
  it('is read with its flag, of which the other bits are nobody’s yet', () => {
    expect(readTraceparent(traceparent)).to.deep.equal({ traceId, spanId, isSampled: true })
    expect(readTraceparent(`00-${traceId}-${spanId}-00`)?.isSampled).to.equal(false)
    expect(readTraceparent(`00-${traceId}-${spanId}-fe`)?.isSampled).to.equal(false)
    expect(readTraceparent(`00-${traceId}-${spanId}-ff`)?.isSampled).to.equal(true)
  })

  it('of a later version is read as far as this one goes, and passed on as this one', () => {
    for (const later of [`01-${traceId}-${spanId}-01`, `fe-${traceId}-${spanId}-01-what.else`]) {
      expect(readTraceContext(later)).to.deep.equal({ traceparent })
    }
  })

  const malformed: readonly [string, string][] = [
    ['nothing', ''],
    ['version ff', `ff-${traceId}-${spanId}-01`],
    ['an all-zero trace id', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['an all-zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['capital letters', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['a short id', `00-${traceId.slice(1)}-${spanId}-01`],
    ['no flags', `00-${traceId}-${spanId}`],
    ['flags that are no hex', `00-${traceId}-${spanId}-0g`],
    ['more than version 00 has', `${traceparent}-more`],
    ['more without a dash', `01-${traceId}-${spanId}-01more`],
    ['two headers in one', `${traceparent}, ${traceparent}`],
    ['a line break', `${traceparent}\n`],
    ['a space', ` ${traceparent}`],
  ]
  for (const [what, text] of malformed) {
    it(`with ${what} is ignored`, () => {
      expect(readTraceparent(text)).to.equal(undefined)
      expect(readTraceContext(text, 'vendor=1')).to.equal(undefined)
    })
  }

  it('that is no text is ignored', () => {
    for (const value of [undefined, null, 7, [traceparent], {}]) expect(readTraceContext(value)).to.equal(undefined)
  })

  it('is read back as it was written, and nothing else is taken for one', () => {
    fc.assert(
      fc.property(hex(32), hex(16), fc.boolean(), (someTrace, someSpan, isSampled) => {
        const place = { traceId: someTrace, spanId: someSpan, isSampled }
        expect(readTraceparent(formatTraceparent(place))).to.deep.equal(place)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (readTraceparent(text) !== undefined) expect(text).to.match(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/)
      }),
    )
  })
})

describe('a tracestate', () => {
  it('goes with its parent, when it is a text of at most 512 visible characters', () => {
    expect(readTraceContext(traceparent, 'a=1,b=2')).to.deep.equal({ traceparent, tracestate: 'a=1,b=2' })
    for (const bad of ['', 'x'.repeat(513), 'a=\u0000', 'a=ä', 'a=1\nb=2', ['a=1']]) {
      expect(readTraceContext(traceparent, bad)).to.deep.equal({ traceparent })
    }
  })
})

describe('the line that a message carries', () => {
  it('is a plain traceparent until there is more to say', () => {
    expect(formatTrace({ traceparent })).to.equal(traceparent)
    expect(formatTrace({ traceparent, lastSpanId: spanId })).to.equal(`${traceparent},${spanId}`)
    expect(formatTrace({ traceparent, tracestate: 'a=1,b=2' })).to.equal(`${traceparent},,a=1,b=2`)
  })

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(traces, (trace) => {
        // The generator's records have no prototype.
        expect(readTrace(formatTrace(trace))).to.deep.equal({ ...trace })
      }),
    )
  })

  it('loses what is not usable, and is nothing without a parent', () => {
    expect(readTrace(`${traceparent},short`)).to.deep.equal({ traceparent })
    expect(readTrace(`${traceparent},${'0'.repeat(16)},a=1`)).to.deep.equal({ traceparent, tracestate: 'a=1' })
    expect(toTrace(traceparent, 7, 8)).to.deep.equal({ traceparent })
    for (const text of ['', ',', `,${spanId}`, 'nothing']) expect(readTrace(text)).to.equal(undefined)
  })
})
