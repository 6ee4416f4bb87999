import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { isConnectionIntact, isLockConflict, toDatabaseError } from '../../../src/database/errors.ts'

const serverError = (code: string, fields: object = {}) => Object.assign(new Error(`failed with ${code}`), { code, ...fields })

describe('the mapping of database errors', () => {
  for (const code of ['22P05', '22021', '22003', '23502', '23505', '54000', '0A000']) {
    it(`calls ${code} a refused row`, () => {
      expect(toDatabaseError(serverError(code))).to.include({ code: 'database.refused_row', retryable: false, scope: 'message' })
    })
  }

  for (const code of ['08006', '53300', '55P03', '57014', '57P01', '40P01', '40001', '42P01', 'XX000', 'P0001']) {
    it(`calls ${code} an unavailable database`, () => {
      expect(toDatabaseError(serverError(code))).to.include({ code: 'database.unavailable', retryable: true })
    })
  }

  it('knows a missing partition by the absence of a constraint, in any language, and names its tenant', () => {
    const tenantId = '0198a000-0000-7000-8000-000000000001'
    const error = toDatabaseError(serverError('23514', { detail: `Zeile enthält (tenant_id) = (${tenantId}).` }))
    expect(error.code).to.equal('partition.missing')
    expect(error.details).to.deep.equal({ sqlState: '23514', tenantId })
  })

  it('calls a violated check a refused row', () => {
    expect(toDatabaseError(serverError('23514', { constraint: 'messages_status_check' })).code).to.equal('database.refused_row')
  })

  it('calls everything without a SQLSTATE an unavailable database', () => {
    for (const thrown of [Object.assign(new Error(), { code: 'ECONNREFUSED' }), new Error('Query read timeout'), 'text', undefined]) {
      expect(toDatabaseError(thrown)).to.include({ code: 'database.unavailable', retryable: true })
    }
  })

  it('returns an AppError as it is', () => {
    const error = new AppError('internal', 'mine')
    expect(toDatabaseError(error)).to.equal(error)
  })

  it('carries no row of the database in its cause', () => {
    const { cause } = toDatabaseError(serverError('23502', { detail: 'Failing row contains (secret)', where: 'secret' }))
    expect(cause).to.be.an('error')
    expect(JSON.stringify(cause)).not.to.contain('secret')
  })

  it('keeps a connection after a refused statement and gives it up after a lost one', () => {
    expect(isConnectionIntact(serverError('22P02'))).to.equal(true)
    for (const error of [serverError('57P01'), serverError('08006'), new Error('Query read timeout')]) {
      expect(isConnectionIntact(error)).to.equal(false)
    }
  })

  it('sees a lock conflict through the mapping', () => {
    expect(isLockConflict(toDatabaseError(serverError('55P03')))).to.equal(true)
    expect(isLockConflict(toDatabaseError(serverError('57014')))).to.equal(false)
  })
})
