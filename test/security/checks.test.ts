/** The checks of the security suite find what they are made to find. */
import { expect } from 'chai'
import { complaintsAbout } from './answers.ts'
import type { Answer, Sent } from './client.ts'
import type { Operation } from './document/operations.ts'
import type { Stage } from './stage/stage.ts'
import { expect401To404 } from './suites/credentials/expectation.ts'
import { differenceOf } from './suites/ids/compare.ts'
import { payloads, sleepers } from './suites/injection/payloads.ts'
import { compareSnapshots } from './suites/injection/row-counts.ts'

const canaries = { foreign: 'finch1', secret: 'wren1', config: 'heron1' }
const stage = { canaries, adminToken: 'admin' } as unknown as Stage
const sent: Sent = { method: 'GET', path: '/v1/tenants/1', headers: { authorization: 'Bearer owner' } }
const answersTo = (schema: object) => new Map([['200', schema]]) as Operation['answers']
const operation: Operation = {
  ...{ id: 'readTenant', method: 'GET', path: '/v1/tenants/{id}', action: 'tenant.read', parameters: [], body: undefined },
  answers: answersTo({ type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }),
}
const headers = {
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'x-request-id': 'r',
}
const answer = (status: number, body: unknown, more: object = {}): Answer => ({
  ...{ status, text: JSON.stringify(body), tookMs: 1 },
  headers: { ...headers, ...(status >= 400 ? { 'content-type': 'application/problem+json' } : {}), ...more },
})
const problem = (status: number, code: string, detail = 'x') =>
  answer(status, { type: `urn:tenantry:problem:${code}`, title: 'x', status, detail, code, request_id: 'r' })
const complain = (given: Answer) => complaintsAbout(stage, operation, sent, given)

describe('the checks of the security suite', () => {
  it('have nothing against a proper answer', () => {
    expect(complain(answer(200, { id: 'x' }))).to.deep.equal([])
    expect(complain(problem(404, 'tenant.missing'))).to.deep.equal([])
  })

  const wrong: Readonly<Record<string, Answer>> = {
    'no answer': { status: 0, headers: {}, text: 'reset', tookMs: 1 },
    'a 500': problem(500, 'internal'),
    'a 503': problem(503, 'database.unavailable'),
    'a problem without a document': answer(400, 'no'),
    'a problem of another request': { ...problem(400, 'a'), headers: { ...problem(400, 'a').headers, 'x-request-id': 'other' } },
    'a stack trace': problem(400, 'a', 'Error\n    at run (/srv/a.ts:1:1)'),
    'words of the database': problem(400, 'a', 'syntax error at or near "x"'),
    'another tenant’s data': answer(200, { id: `of ${canaries.foreign}` }),
    'a secret': answer(200, { id: canaries.secret }),
    'a configured secret': answer(200, { id: canaries.config }),
    'what is not documented': answer(201, { id: 'x' }),
    'another shape than documented': answer(200, { id: 1 }),
    'permission for other origins': answer(200, { id: 'x' }, { 'access-control-allow-origin': '*' }),
    'an answer that caches may keep': answer(200, { id: 'x' }, { 'cache-control': 'public' }),
  }
  for (const [what, given] of Object.entries(wrong)) {
    it(`complain about ${what}`, () => {
      expect(complain(given)).to.have.length(1)
    })
  }

  it('let an admin see every tenant, and anybody see again what they have sent', () => {
    const shown = answer(200, { id: canaries.foreign })
    expect(complaintsAbout(stage, operation, { ...sent, headers: { authorization: 'Bearer admin' } }, shown)).to.deep.equal([])
    expect(complaintsAbout(stage, operation, { ...sent, path: `/v1/tenants/${canaries.foreign}` }, shown)).to.deep.equal([])
  })

  it('tell two answers apart by status, header and text, and not by ids and times', () => {
    const one = problem(404, 'tenant.missing')
    expect(differenceOf(one, { ...one, headers: { ...one.headers, date: 'later', 'x-request-id': 's' } })).to.equal(undefined)
    expect(differenceOf(one, problem(403, 'auth.forbidden'))).to.be.a('string')
    expect(differenceOf(one, problem(404, 'user.missing'))).to.be.a('string')
    expect(differenceOf(one, { ...one, headers: { ...one.headers, etag: '"1"' } })).to.be.a('string')
  })

  it('see rows that are too many or too few, and rows of others that have changed', () => {
    const was = {
      counts: new Map([
        ['users/a', 2],
        ['users/b', 2],
      ]),
      untouched: new Map([['users', 'digest']]),
    }
    const allowance = { tenantId: 'a', successes: 1, calls: 5, mayRemove: false }
    const compare = (counts: readonly (readonly [string, number])[], digest = 'digest') =>
      compareSnapshots(was, { counts: new Map(counts), untouched: new Map([['users', digest]]) }, allowance)
    expect(
      compare([
        ['users/a', 3],
        ['users/b', 2],
      ]),
    ).to.deep.equal([])
    expect(
      compare([
        ['users/a', 4],
        ['users/b', 2],
      ]),
    ).to.have.length(1)
    expect(
      compare([
        ['users/a', 1],
        ['users/b', 2],
      ]),
    ).to.have.length(1)
    expect(
      compare([
        ['users/a', 2],
        ['users/b', 3],
      ]),
    ).to.have.length(1)
    expect(
      compare(
        [
          ['users/a', 2],
          ['users/b', 2],
        ],
        'another',
      ),
    ).to.have.length(1)
  })

  it('expect what the access table says', () => {
    const change = { ...operation, action: 'tenant.change' }
    expect(expect401To404(change, { kind: 'nobody' }, 'a')).to.equal(401)
    expect(expect401To404(change, { kind: 'user', tenantId: 'a', role: 'operator' }, 'a')).to.equal(403)
    expect(expect401To404(change, { kind: 'user', tenantId: 'a', role: 'owner' }, 'a')).to.equal('granted')
    expect(expect401To404(change, { kind: 'user', tenantId: 'b', role: 'owner' }, 'a')).to.equal(404)
    expect(expect401To404(operation, { kind: 'key', tenantId: 'a', scope: 'publish' }, 'a')).to.equal(403)
    expect(expect401To404(operation, { kind: 'key', tenantId: 'a', scope: 'read' }, 'a')).to.equal('granted')
  })

  it('have at least 200 payloads, of which some would make the database sleep', () => {
    expect(payloads.length).to.be.at.least(200)
    expect(sleepers.length).to.be.at.least(10)
  })
})
