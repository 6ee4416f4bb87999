import { expect } from 'chai'
import { createReadPrincipal, type OidcMapping } from '../../../src/auth/oidc-claims.ts'

const tenantId = '01990000-0000-7000-8000-000000000001'
const defaults: OidcMapping = { tenantClaim: 'tenant_id', roleClaim: 'role', usernameClaim: 'sub', roles: [] }

const read = (claims: object, mapping: Partial<OidcMapping> = {}) =>
  createReadPrincipal({ ...defaults, ...mapping })({ sub: 'subject', tenant_id: tenantId, role: 'member', ...claims })
const roleOf = (role: unknown, roles: readonly string[] = []) => {
  const principal = read({ role }, { roles })
  return principal?.kind === 'tenant_user' ? principal.role : principal?.kind
}

describe('claims of an identity provider', () => {
  it('name a tenant user, or an admin, who needs no tenant', () => {
    expect(read({})).to.deep.equal({
      kind: 'tenant_user',
      id: 'subject',
      username: 'subject',
      tenantId,
      role: 'member',
      sessionId: undefined,
    })
    const admin = { kind: 'admin', id: 'subject', username: 'subject', sessionId: undefined }
    expect(read({ role: 'root', tenant_id: undefined }, { roles: ['root=admin'] })).to.deep.equal(admin)
    expect(read({ role: 'admin' }), 'an admin whom nobody has named').to.equal(undefined)
  })

  it('give the highest role of a text, of several in one, and of a list', () => {
    expect(roleOf('viewer')).to.equal('viewer')
    expect(roleOf('viewer owner,member')).to.equal('owner')
    expect(roleOf(['member', 'operator', 'viewer'])).to.equal('operator')
    expect(roleOf(['viewer', 'root'], ['viewer=viewer', 'root=admin'])).to.equal('admin')
  })

  it('are mapped as the configuration says, and to nothing else', () => {
    const roles = ['Platform Team=admin', 'ops=operator', 'ops=viewer', 'a=b=owner']
    expect(roleOf('Platform Team', roles)).to.equal('admin')
    expect(roleOf(['staff', 'ops'], ['ops=operator'])).to.equal('operator')
    expect(roleOf('a=b', roles)).to.equal('owner')
    for (const role of ['admin', 'owner', 'Ops', 'Team', 'ops=operator', ''])
      expect(roleOf(role, ['ops=operator']), role).to.equal(undefined)
  })

  it('without a known role are nobody’s', () => {
    for (const role of [
      undefined,
      null,
      '',
      'root',
      'Admin',
      'administrator',
      5,
      true,
      {},
      { admin: true },
      [['admin']],
      [{}],
      [],
      '__proto__',
    ])
      expect(roleOf(role), JSON.stringify(role)).to.equal(undefined)
  })

  it('without a tenant that is a UUID are nobody’s', () => {
    for (const tenant of [undefined, null, '', '*', 'acme', [tenantId], { id: tenantId }, `${tenantId} `, 1])
      expect(read({ tenant_id: tenant }), JSON.stringify(tenant)).to.equal(undefined)
    expect(read({ tenant_id: tenantId.toUpperCase() })).to.have.property('tenantId', tenantId)
  })

  it('without a subject are nobody’s', () => {
    for (const sub of [undefined, null, '', 5, ['x'], 'a'.repeat(256), 'line\nbreak'])
      expect(read({ sub }), JSON.stringify(sub)).to.equal(undefined)
  })

  it('are found by their names, also with dots in them, and by their paths', () => {
    const keycloak = { roleClaim: 'realm_access.roles', usernameClaim: 'preferred_username' }
    const principal = read({ realm_access: { roles: ['owner', 'offline_access'] }, preferred_username: 'eve' }, keycloak)
    expect(principal).to.include({ role: 'owner', username: 'eve' })
    const named = { 'https://example.com/role': 'owner', 'https://example.com/tenant': tenantId }
    const mapping = { roleClaim: 'https://example.com/role', tenantClaim: 'https://example.com/tenant' }
    expect(read({ ...named, tenant_id: undefined }, mapping)).to.include({ role: 'owner', tenantId })
    for (const roleClaim of ['constructor.name', '__proto__', 'role.length', 'a.b.c', ''])
      expect(read({}, { roleClaim, roles: ['Object=admin', '6=admin'] }), roleClaim).to.equal(undefined)
  })

  it('call somebody by their subject when the name is no text', () => {
    for (const name of [undefined, 5, '', 'a'.repeat(300), 'a\u0000b'])
      expect(read({ name }, { usernameClaim: 'name' })).to.include({ username: 'subject' })
  })
})
