import { expect } from 'chai'
import { actions, may } from '../../../src/auth/access.ts'
import { type Principal, type TenantRole, tenantRoles } from '../../../src/auth/principal.ts'
import type { TenantId } from '../../../src/core/ids.ts'

const own = '01990000-0000-7000-8000-000000000001' as TenantId
const other = '01990000-0000-7000-8000-000000000002' as TenantId
const admin: Principal = { kind: 'admin', username: 'root' }
const user = (role: TenantRole): Principal => ({ kind: 'tenant_user', username: 'u', tenantId: own, role })

describe('may', () => {
  it('grants an admin every action', () => {
    for (const action of actions) expect(may(admin, action, other), action).to.equal('granted')
  })

  it('hides another tenant from every role, whatever the action', () => {
    for (const role of tenantRoles) for (const action of actions) expect(may(user(role), action, other), action).to.equal('hidden')
  })

  it('forbids a tenant user what only the platform may', () => {
    expect(may(user('owner'), 'tenant.create')).to.equal('forbidden')
    expect(may(user('owner'), 'tenant.list')).to.equal('forbidden')
    expect(may(user('owner'), 'retry.read_stats')).to.equal('forbidden')
  })

  const table: readonly [TenantRole, Parameters<typeof may>[1], ReturnType<typeof may>][] = [
    ['viewer', 'session.read', 'granted'],
    ['viewer', 'message.list', 'granted'],
    ['viewer', 'message.publish', 'forbidden'],
    ['member', 'message.publish', 'granted'],
    ['member', 'tenant.resize', 'forbidden'],
    ['operator', 'tenant.resize', 'granted'],
    ['viewer', 'message.cancel', 'forbidden'],
    ['member', 'message.cancel', 'granted'],
    ['viewer', 'failed_message.list', 'granted'],
    ['viewer', 'failed_message.read', 'granted'],
    ['viewer', 'failed_message.read_stats', 'granted'],
    ['member', 'failed_message.retry', 'forbidden'],
    ['operator', 'failed_message.retry', 'granted'],
    ['member', 'failed_message.discard', 'forbidden'],
    ['operator', 'failed_message.discard', 'granted'],
    ['operator', 'tenant.delete', 'forbidden'],
    ['owner', 'tenant.delete', 'granted'],
  ]
  for (const [role, action, access] of table) {
    it(`answers ${access} to a ${role} for ${action} in their own tenant`, () => {
      expect(may(user(role), action, own)).to.equal(access)
    })
  }

  it('gives each role all that the roles before it may', () => {
    for (const action of actions) {
      const granted = tenantRoles.map((role) => may(user(role), action, own) === 'granted')
      expect(granted, action).to.deep.equal([...granted].sort((a, b) => Number(a) - Number(b)))
    }
  })
})
