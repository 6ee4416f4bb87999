import { expect } from 'chai'
import { AppError } from '../../../src/core/errors.ts'
import { createTenantCommands, type TenantCommandServices } from '../../../src/engine/tenant-commands.ts'
import { createDesired, tenantId } from '../../actors/support/samples.ts'

const away = new AppError('database.unavailable', 'the database is away', { retryable: true })

describe('a change of a tenant', () => {
  /** The parts that a change asks for; `fails` says which one rejects. */
  const changeWith = async (fails: 'update' | 'desiredOf' | 'nothing', error: Error = away): Promise<string> => {
    const answer = <T>(part: typeof fails, value: T) => (part === fails ? Promise.reject(error) : Promise.resolve(value))
    const services = {
      tenants: {
        find: async () => ({ id: tenantId, workers: 1 }),
        update: () => answer('update', { id: tenantId }),
        desiredOf: () => answer('desiredOf', createDesired()),
        tombstone: () => answer('desiredOf', { discarded: 0 }),
      },
      desired: { put: () => {}, remove: () => {} },
      hints: { announce: () => {} },
      dueHints: { announce: () => {} },
      convergence: { reached: async () => true },
      views: { runtimeOf: async () => ({ state: 'running' }), toView: async (tenant: object) => ({ ...tenant, currentWorkers: 1 }) },
      broker: { depth: async () => ({ ready: 0 }) },
      runsTenants: true,
      tell: () => {},
      onDeleting: () => {},
      inFlight: () => 0,
    } as unknown as TenantCommandServices
    const commands = createTenantCommands(services)
    const codes = await Promise.all(
      [
        commands.changeTenant(tenantId, { status: 'paused' }),
        commands.resizeTenant(tenantId, 2),
        commands.drainTenant(tenantId),
        commands.deleteTenant(tenantId, 'discard', 0),
      ].map((work) =>
        work.then(
          () => 'resolved',
          (error: AppError) => error.code,
        ),
      ),
    )
    return [...new Set(codes)].join()
  }

  it('that is stored is so for whoever asked, also when the database goes away before the nodes were told', async () => {
    expect(await changeWith('desiredOf')).to.equal('tenant.not_converged')
    expect(await changeWith('nothing')).to.equal('resolved')
  })

  it('that is not stored fails as the database does, and one of a tenant that has gone meanwhile as missing', async () => {
    expect(await changeWith('update')).to.equal('database.unavailable')
    const missing = new AppError('tenant.missing', 'gone')
    expect(await changeWith('update', missing)).to.equal('tenant.missing,resolved')
  })
})
