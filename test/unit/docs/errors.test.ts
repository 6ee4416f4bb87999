/** docs/errors.md lists every problem code with the status, title and Retry-After that the API answers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { AppError, type ErrorCode } from '../../../src/core/errors.ts'
import { toProblem } from '../../../src/http/answer/problem.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Row {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly retryAfter: string
}

const rows: readonly Row[] = [...read('docs/errors.md').matchAll(/^\| `([a-z_.]+)` \| (\d+) \| ([^|]+) \| ([^|]*) ?\|/gm)].map(
  ([, code = '', status, title = '', retryAfter = '']) => ({ code, status: Number(status), title, retryAfter: retryAfter.trim() }),
)

describe('docs/errors.md', () => {
  it('has a row for every code that the API answers, and no other', () => {
    const answered = [...read('src/http/answer/problem.ts').matchAll(/^ {2}'([a-z_.]+)': (?:\{|unavailable\()/gm)].map(([, code]) => code)
    expect(answered).to.have.length.greaterThan(20)
    expect(rows.map(({ code }) => code)).to.have.members([...answered, 'internal'])
  })

  for (const { code, status, title, retryAfter } of rows) {
    it(`says what ${code} is answered with`, () => {
      const thrown =
        code === 'request.too_large' ? Object.assign(new Error('too large'), { status: 413 }) : new AppError(code as ErrorCode, 'x')
      const { problem, headers } = toProblem(thrown, { requestId: 'r' })
      expect({ status: problem.status, title: problem.title, code: problem.code }).to.deep.equal({ status, title, code })
      // The wait is computed where it is refused.
      if (code !== 'auth.throttled' && code !== 'request.rate_limited') expect(headers['retry-after'] ?? '').to.equal(retryAfter)
    })
  }
})
