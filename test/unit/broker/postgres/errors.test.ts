import { expect } from 'chai'
import pg from 'pg'
import { isOutcomeUnknown } from '../../../../src/broker/postgres/errors.ts'

const withCode = (code: string, message = code): Error => Object.assign(new Error(message), { code })
const answer = (code: string): Error => Object.assign(new pg.DatabaseError('refused', 1, 'error'), { code, severity: 'FATAL' })

describe('whether a failed publish may have been stored', () => {
  const cases: Readonly<Record<string, readonly [error: unknown, unknown: boolean]>> = {
    'a connection that ended under the statement': [new Error('Connection terminated unexpectedly'), true],
    'a reset connection': [withCode('ECONNRESET'), true],
    'a broken pipe': [withCode('EPIPE'), true],
    'an address that refuses': [withCode('ECONNREFUSED'), false],
    'every address of a host refusing': [new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]), false],
    'a pool without a free connection': [new Error('timeout exceeded when trying to connect'), false],
    'a connection that could not be made in time': [new Error('Connection terminated due to connection timeout'), false],
    'a pool that has ended': [new Error('Cannot use a pool after calling end on the pool'), false],
    'a server that shuts down and says so': [answer('57P01'), false],
    'a statement that is wrong': [answer('42P01'), false],
    'data that it refuses': [answer('22P05'), false],
  }
  for (const [what, [error, isUnknown]] of Object.entries(cases)) {
    it(`${what}: ${isUnknown ? 'nobody knows' : 'it was not'}`, () => {
      expect(isOutcomeUnknown(error)).to.equal(isUnknown)
    })
  }
})
