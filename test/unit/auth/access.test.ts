import { expect } from 'chai'
import { type Action, accessTable, actions, may, maySeePayload } from '../../../src/auth/access.ts'
import type { Principal } from '../../../src/auth/principal.ts'
import { type ApiKeyScope, apiKeyScopes, payloadVisibilities, type TenantRole, tenantRoles } from '../../../src/core/identity.ts'
import type { TenantId } from '../../../src/core/ids.ts'

const own = '01990000-0000-7000-8000-000000000001' as TenantId
const other = '01990000-0000-7000-8000-000000000002' as TenantId
const admin: Principal = { kind: 'admin', id: 'a', username: 'root', sessionId: 's' }
const user = (role: TenantRole): Principal => ({ kind: 'tenant_user', id: 'u', username: 'u', tenantId: own, role, sessionId: 's' })
const key = (...scopes: readonly ApiKeyScope[]): Principal => ({ kind: 'api_key', id: 'k', name: 'k', tenantId: own, scopes })

/** What each role may do that those before it may not. */
const byRole: Readonly<Record<TenantRole, readonly Action[]>> = {
  viewer: [
    'session.read',
    'session.list',
    'session.revoke',
    'session.logout',
    'password.change',
    'tenant.read',
    'tenant.read_stats',
    'message.list',
    'message.read',
    'failed_message.list',
    'failed_message.read',
    'failed_message.read_stats',
    'actor.read',
    'actor.watch',
    'tenant.list_actors',
    'tenant.explain',
    'message.explain',
    'machine.read',
  ],
  member: ['message.publish', 'message.cancel'],
  operator: [
    'user.list',
    'user.read',
    'tenant.resize',
    'tenant.pause',
    'tenant.resume',
    'tenant.drain',
    'tenant.restart',
    'tenant.read_config',
    'tenant.change_config',
    'failed_message.retry',
    'failed_message.discard',
    'actor.record',
    'flight_record.list',
    'flight_record.read',
  ],
  owner: [
    'user.create',
    'user.change',
    'user.delete',
    'invitation.list',
    'invitation.create',
    'invitation.delete',
    'api_key.list',
    'api_key.create',
    'api_key.rotate',
    'api_key.delete',
    'secret.list',
    'secret.put',
    'secret.delete',
    'audit.list',
    'tenant.change',
    'tenant.delete',
    'tenant.export',
    'tenant.change_payload_visibility',
  ],
}
const platform: readonly Action[] = [
  'audit.list_all',
  'tenant.create',
  'tenant.list',
  'tenant.rename',
  'tenant.change_rate_limits',
  'retry.read_stats',
  'erasure.list',
  'erasure.read',
  'actor.list',
]

const byScope: Readonly<Record<ApiKeyScope, readonly Action[]>> = {
  publish: ['session.read', 'message.publish'],
  read: [
    'session.read',
    'tenant.read',
    'tenant.read_stats',
    'message.list',
    'message.read',
    'failed_message.list',
    'failed_message.read',
    'failed_message.read_stats',
    'actor.read',
    'actor.watch',
    'tenant.list_actors',
    'tenant.explain',
    'message.explain',
    'machine.read',
  ],
  operate: [
    'session.read',
    'tenant.read',
    'tenant.read_stats',
    'tenant.resize',
    'tenant.pause',
    'tenant.resume',
    'tenant.drain',
    'tenant.restart',
    'message.cancel',
    'failed_message.retry',
    'failed_message.discard',
    'actor.read',
    'actor.watch',
    'actor.record',
    'tenant.list_actors',
    'tenant.explain',
    'machine.read',
    'flight_record.list',
    'flight_record.read',
  ],
}

const grantedTo = (principal: Principal, tenantId?: TenantId) => actions.filter((action) => may(principal, action, tenantId) === 'granted')
const inTableOrder = (list: readonly Action[]) => actions.filter((action) => list.includes(action))

describe('may', () => {
  it('knows every action that this test knows, and no other', () => {
    expect([...Object.values(byRole).flat(), ...platform].toSorted()).to.deep.equal(actions.toSorted())
    expect(Object.keys(accessTable)).to.deep.equal(actions)
  })

  it('grants an admin every action on every tenant', () => {
    for (const tenantId of [own, other, undefined]) expect(grantedTo(admin, tenantId)).to.deep.equal(actions)
  })

  for (const [index, role] of tenantRoles.entries()) {
    it(`grants the role ${role} what it may in its own tenant, and nothing else`, () => {
      const allowed = inTableOrder(tenantRoles.slice(0, index + 1).flatMap((lower) => byRole[lower]))
      for (const tenantId of [own, undefined]) {
        expect(grantedTo(user(role), tenantId)).to.deep.equal(allowed)
        for (const action of actions) if (!allowed.includes(action)) expect(may(user(role), action, tenantId), action).to.equal('forbidden')
      }
    })
  }

  const scopeSets = [
    [],
    ...apiKeyScopes.map((scope) => [scope]),
    ['publish', 'read'],
    ['read', 'operate'],
    [...apiKeyScopes],
  ] as ApiKeyScope[][]
  for (const scopes of scopeSets) {
    it(`grants an API key for ${scopes.join(' and ') || 'nothing'} what that allows in its tenant, and nothing else`, () => {
      const allowed = inTableOrder(scopes.flatMap((scope) => byScope[scope]))
      for (const tenantId of [own, undefined]) {
        expect(grantedTo(key(...scopes), tenantId)).to.deep.equal(allowed)
        for (const action of actions)
          if (!allowed.includes(action)) expect(may(key(...scopes), action, tenantId), action).to.equal('forbidden')
      }
    })
  }

  it('hides another tenant from every role and every key, whatever the action', () => {
    for (const principal of [...tenantRoles.map(user), key(...apiKeyScopes)])
      for (const action of actions) expect(may(principal, action, other), action).to.equal('hidden')
  })
})

describe('maySeePayload', () => {
  const principals = { admin, owner: user('owner'), operator: user('operator'), viewer: user('viewer'), key: key(...apiKeyScopes) }
  const seenBy = {
    all: ['admin', 'owner', 'operator', 'viewer', 'key'],
    tenant: ['owner', 'operator', 'viewer', 'key'],
    owner: ['owner'],
    none: [],
  }
  for (const visibility of payloadVisibilities) {
    it(`shows message data with "${visibility}" to: ${seenBy[visibility].join(', ') || 'nobody'}`, () => {
      const seeing = Object.entries(principals).filter(([, principal]) => maySeePayload(principal, visibility))
      expect(seeing.map(([name]) => name)).to.deep.equal(seenBy[visibility])
    })
  }
})
