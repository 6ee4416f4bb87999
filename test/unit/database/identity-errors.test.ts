import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { runIdentity } from '../../../src/database/repositories/identity-errors.ts'

const refusal = (details: Readonly<Record<string, unknown>>) => new AppError('database.refused_row', 'refused', { details })

async function codeAfter(errors: readonly unknown[]): Promise<unknown> {
  const left = [...errors]
  const work = async () => {
    if (left.length > 0) throw left.shift()
    return 'done'
  }
  return runIdentity(work).catch((error: unknown) => (error instanceof AppError ? error.code : error))
}

describe('a statement on the identity tables', () => {
  it('is run again when it was chosen to end a deadlock, three times at most', async () => {
    const deadlock = new AppError('database.unavailable', 'deadlock', { details: { sqlState: '40P01' } })
    expect(await codeAfter([deadlock, deadlock])).to.equal('done')
    expect(await codeAfter([deadlock, deadlock, deadlock])).to.equal('database.unavailable')
  })

  it('is not run again for any other reason', async () => {
    const timeout = new AppError('database.unavailable', 'lock timeout', { details: { sqlState: '55P03' } })
    expect(await codeAfter([timeout])).to.equal('database.unavailable')
    const surprise = new Error('surprise')
    expect(await codeAfter([surprise])).to.equal(surprise)
  })

  it('says what its refusal means', async () => {
    expect(await codeAfter([refusal({ constraint: 'users_username_key' })])).to.equal('user.name_taken')
    for (const constraint of ['users_tenant_fkey', 'api_keys_tenant_fkey', 'sessions_user_fkey', 'sessions_admin_fkey']) {
      expect(await codeAfter([refusal({ constraint })]), constraint).to.equal('tenant.missing')
    }
    expect(await codeAfter([refusal({ constraint: 'users_role_check' })])).to.equal('database.refused_row')
  })
})
