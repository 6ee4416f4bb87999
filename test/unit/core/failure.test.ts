import { expect } from 'chai'
import fc from 'fast-check'
import { toErrorKind, toErrorText, toStorable } from '../../../src/core/failure.ts'

describe('toErrorText', () => {
  it('leaves out secrets whose form it knows, and nothing else', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'
    const texts: readonly (readonly [string, string])[] = [
      ['connect postgres://app:s3cret@db:5432/x failed', 'connect postgres://[redacted]@db:5432/x failed'],
      ['amqp://user:p@ss@host/vhost', 'amqp://[redacted]@host/vhost'],
      ['https://ghp_0123456789@github.com/a', 'https://[redacted]@github.com/a'],
      ['GET https://example.com/a?b=c', 'GET https://example.com/a?b=c'],
      ['sent Bearer abcdef0123456789', 'sent Bearer [redacted]'],
      [`the token ${jwt} is old`, 'the token [redacted] is old'],
      ['password=hunter2, user=bob', 'password=[redacted], user=bob'],
      ['DB_PASSWORD: hunter2', 'DB_PASSWORD: [redacted]'],
      ['{"token":"abc def","id":1}', '{"token":[redacted],"id":1}'],
      ['{"client_secret":"a\\"b c","id":1}', '{"client_secret":[redacted],"id":1}'],
      [JSON.stringify({ body: JSON.stringify({ password: 'abc def', id: 1 }) }), '{"body":"{\\"password\\":[redacted],\\"id\\":1}"}'],
      ['{"token":"cut in the mid', '{"token":[redacted]'],
      ["{ apiKey: 'a b' }", '{ apiKey: [redacted] }'],
      ['x-api-key=abc&user=1', 'x-api-key=[redacted]&user=1'],
      ['Authorization: Bearer abcdef0123456789', 'Authorization: [redacted] [redacted]'],
      ['the password is wrong', 'the password is wrong'],
      ['unexpected token } in JSON', 'unexpected token } in JSON'],
      ['mail to bob@example.com bounced', 'mail to bob@example.com bounced'],
    ]
    for (const [text, expected] of texts) expect(toErrorText(text)).to.equal(expected)
  })

  it('finds a secret wherever it is in a text', () => {
    const filler = fc.stringMatching(/^[a-z .]{0,60}$/)
    const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/)
    const form = fc.constantFrom<(text: string) => string>(
      (text) => `password=${text}`,
      (text) => `{"access_token":"${text}"}`,
      (text) => `Bearer ${text}`,
      (text) => `https://user:${text}@host/path`,
      (text) => JSON.stringify(JSON.stringify({ secret: text })),
    )
    fc.assert(
      fc.property(filler, secret, form, filler, (before, text, write, after) => {
        expect(toErrorText(`${before} ${write(text)} ${after}`)).to.not.include(text)
      }),
    )
  })

  it('is one line that PostgreSQL can hold, of at most 2,000 characters', () => {
    expect(toErrorText('a\n\tb\u0000\ud800')).to.equal('a b\ufffd\ufffd')
    expect(toErrorText(`${'x'.repeat(1_999)}😀`).isWellFormed()).to.equal(true)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_500 }), (text) => {
        const clean = toErrorText(text)
        expect(clean.length).to.be.at.most(2_000)
        expect(clean.isWellFormed()).to.equal(true)
        for (const each of ['\u0000', '\n', '\r', '\t']) expect(clean).to.not.include(each)
      }),
      { numRuns: 30 },
    )
  })

  // Bounds far above what it takes, and far below what one nested repetition takes: seconds for the first of these.
  // In microseconds of this thread's work: other processes do not count.
  it('does not keep the event loop busy, whatever megabytes a handler fails with', () => {
    const pieces = [
      'token',
      'password',
      'a',
      'a.',
      '"token"',
      '"token":"',
      'bearer ',
      'eyJ',
      'eyJa.',
      'secret: "',
      'a://',
      'a:b@',
      "'",
      '-',
      '\\"',
      ' ',
    ]
    for (const piece of pieces) {
      const text = piece.repeat(10_000_000 / piece.length)
      const since = process.threadCpuUsage()
      toErrorKind(toErrorText(text))
      expect(process.threadCpuUsage(since).user, piece).to.be.below(2_000_000)
    }
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 6 }), (some) => {
        const text = some.join('').repeat(2_000)
        const since = process.threadCpuUsage()
        toErrorKind(toErrorText(text))
        expect(process.threadCpuUsage(since).user).to.be.below(1_000_000)
      }),
      { numRuns: 300 },
    )
  })
})

describe('toStorable', () => {
  it('keeps line breaks, and mends what PostgreSQL cannot hold', () => {
    expect(toStorable('a\nb')).to.equal('a\nb')
    expect(toStorable('\u0000\udc00')).to.equal('\ufffd\ufffd')
  })
})

describe('toErrorKind', () => {
  it('is the same for failures that differ in ids, numbers and quoted texts', () => {
    const kinds = [
      ['user 42 not found after 1.5 s', 'user 7 not found after 30 s'],
      ['order 018f3c1e-7b7a-7c3e-9a55-0f2b6f3c0101 is gone', 'order 0F3C1E7B-7b7a-4c3e-9a55-0f2b6f3c0001 is gone'],
      ['commit deadbeefdeadbeef refused', 'commit 0123456789abcdef0123 refused'],
      ['at 0x7fff', 'at 0x1'],
      ['column "a" is missing', 'column "b c" is missing'],
      ["no such key 'x'", "no such key ''"],
    ]
    for (const [one, two] of kinds) expect(toErrorKind(one ?? '')).to.equal(toErrorKind(two ?? ''))
  })

  it('differs for failures that differ in words', () => {
    expect(toErrorKind('connection refused')).to.not.equal(toErrorKind('connection reset'))
  })

  it('is short', () => {
    expect(toErrorKind('word '.repeat(1_000)).length).to.equal(300)
  })
})
