import { expect } from 'chai'
import { AppError, type ErrorCode } from '../../../src/core/errors.ts'
import { toProblem } from '../../../src/http/answer/problem.ts'
import { invalid, Refusal } from '../../../src/http/request/refusal.ts'

const at = { requestId: 'r1' }

describe('toProblem', () => {
  const table: readonly [ErrorCode, number, string | undefined][] = [
    ['tenant.missing', 404, undefined],
    ['tenant.deleting', 409, undefined],
    ['tenant.draining', 409, undefined],
    ['tenant.name_taken', 409, undefined],
    ['tenant.version_mismatch', 412, undefined],
    ['message.missing', 404, undefined],
    ['message.not_cancellable', 409, undefined],
    ['failed_message.missing', 404, undefined],
    ['failed_message.not_retryable', 409, undefined],
    ['failed_message.not_discardable', 409, undefined],
    ['user.missing', 404, undefined],
    ['user.name_taken', 409, undefined],
    ['user.last_owner', 409, undefined],
    ['session.missing', 404, undefined],
    ['invitation.missing', 404, undefined],
    ['invitation.invalid', 422, undefined],
    ['api_key.missing', 404, undefined],
    ['secret.missing', 404, undefined],
    ['secret.too_many', 409, undefined],
    ['registration.closed', 403, undefined],
    ['auth.issuer_unavailable', 503, '2'],
    ['auth.busy', 429, '1'],
    ['idempotency.mismatch', 409, undefined],
    ['idempotency.in_progress', 409, '1'],
    ['tenant.not_converged', 503, '1'],
    ['queue.missing', 404, undefined],
    ['broker.window_full', 503, '1'],
    ['broker.blocked', 503, '5'],
    ['broker.unavailable', 503, '2'],
    ['broker.refused', 503, '1'],
    ['broker.unknown_outcome', 503, '1'],
    ['database.unavailable', 503, '2'],
    ['database.refused_row', 422, undefined],
    ['node.draining', 503, '1'],
    ['partition.missing', 500, undefined],
    ['internal', 500, undefined],
  ]
  for (const [code, status, retryAfter] of table) {
    it(`answers ${status} to ${code}, without the error's own words`, () => {
      const { problem, headers, expected } = toProblem(new AppError(code, 'canary words'), at)
      expect(problem).to.include({ status, code: status === 500 ? 'internal' : code, request_id: 'r1' })
      expect(headers['retry-after']).to.equal(retryAfter)
      expect(expected).to.equal(status !== 500)
      expect(JSON.stringify(problem)).to.not.include('canary')
    })
  }

  it('answers tenant.deleting as tenant.missing where messages are concerned', () => {
    for (const action of ['message.publish', 'failed_message.retry']) {
      const deleting = toProblem(new AppError('tenant.deleting', ''), { ...at, action })
      expect(deleting, action).to.deep.equal(toProblem(new AppError('tenant.missing', ''), at))
    }
  })

  const foreign: readonly [string, unknown, number, string][] = [
    ['a 4xx of a library', Object.assign(new Error('bad'), { status: 400 }), 400, 'request.malformed'],
    ['a body too large', Object.assign(new Error('large'), { status: 413 }), 413, 'request.too_large'],
    ['an unknown encoding', Object.assign(new Error('br'), { status: 415 }), 415, 'request.media_type'],
    ['a 5xx of a library', Object.assign(new Error('x'), { status: 503 }), 500, 'internal'],
    ['an object that is no error', { status: 400 }, 500, 'internal'],
    ['undefined', undefined, 500, 'internal'],
    ['a text', 'x', 500, 'internal'],
  ]
  for (const [what, thrown, status, code] of foreign) {
    it(`answers ${status} to ${what}`, () => {
      expect(toProblem(thrown, at).problem).to.include({ status, code, type: `urn:tenantry:problem:${code}` })
    })
  }

  it('keeps twenty faults and two hundred characters of each', () => {
    const faults = Array.from({ length: 100 }, () => ({ path: 'p'.repeat(500), message: 'm'.repeat(500) }))
    const { problem } = toProblem(invalid(...faults), at)
    expect(problem.errors).to.have.length(20)
    expect(JSON.stringify(problem).length).to.be.lessThan(12_000)
  })

  it('adds the headers a refusal carries', () => {
    const { headers, problem } = toProblem(new Refusal('route.method_not_allowed', 'no', { headers: { allow: 'GET' } }), at)
    expect([problem.status, headers.allow]).to.deep.equal([405, 'GET'])
  })
})
