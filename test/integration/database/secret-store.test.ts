import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import { codeOf, newTenantId } from './fixtures.ts'
import { describeOnBoth, newHash } from './identity-stores.ts'

describeOnBoth('the secret store', (bed) => {
  let tenantId: TenantId

  beforeEach(async () => {
    tenantId = await bed().addTenant()
  })

  const seal = (keyId = 'current') => ({ keyId, sealed: newHash() })

  it('keeps what was sealed, and what replaces it', async () => {
    const first = seal()
    expect(await bed().secrets.put(tenantId, 'smtp.password', first)).to.deep.equal({ replaced: false })
    expect(await bed().secrets.find(tenantId, 'smtp.password')).to.deep.equal(first)
    const [before] = await bed().secrets.list(tenantId)
    const second = seal()
    expect(await bed().secrets.put(tenantId, 'smtp.password', second)).to.deep.equal({ replaced: true })
    expect(await bed().secrets.find(tenantId, 'smtp.password')).to.deep.equal(second)
    const [after] = await bed().secrets.list(tenantId)
    expect(after?.createdAt).to.deep.equal(before?.createdAt)
  })

  it('lists names and times, by name, and removes', async () => {
    for (const name of ['b', 'Z', 'a.1', 'a-1']) await bed().secrets.put(tenantId, name, seal())
    const listed = await bed().secrets.list(tenantId)
    expect(listed.map(({ name }) => name)).to.deep.equal(['Z', 'a-1', 'a.1', 'b'])
    expect(listed[0]).to.have.all.keys('name', 'createdAt', 'updatedAt')
    expect(await bed().secrets.remove(tenantId, 'b')).to.equal(true)
    expect(await bed().secrets.remove(tenantId, 'b')).to.equal(false)
    expect(await bed().secrets.find(tenantId, 'b')).to.equal(undefined)
  })

  it('keeps tenants apart', async () => {
    const other = await bed().addTenant()
    const own = seal()
    await bed().secrets.put(tenantId, 'token', own)
    expect(await bed().secrets.find(other, 'token')).to.equal(undefined)
    expect(await bed().secrets.remove(other, 'token')).to.equal(false)
    expect(await bed().secrets.put(other, 'token', seal())).to.deep.equal({ replaced: false })
    expect(await bed().secrets.list(other)).to.have.length(1)
    await bed().removeTenant(other)
    expect(await bed().secrets.list(other)).to.deep.equal([])
    expect(await bed().secrets.find(tenantId, 'token')).to.deep.equal(own)
  })

  it('takes none for a tenant that is not there or is being deleted, whose handlers still find theirs', async () => {
    expect(await codeOf(bed().secrets.put(newTenantId(), 'token', seal()))).to.equal('tenant.missing')
    const own = seal()
    await bed().secrets.put(tenantId, 'token', own)
    await bed().beginDeletion(tenantId)
    expect(await codeOf(bed().secrets.put(tenantId, 'token', seal()))).to.equal('tenant.missing')
    expect(await bed().secrets.find(tenantId, 'token')).to.deep.equal(own)
  })

  it('takes a hundred of a tenant, and replaces each of them then', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, index) => bed().secrets.put(tenantId, `n${index}`, seal())))
    expect(await codeOf(bed().secrets.put(tenantId, 'one more', seal()))).to.equal('secret.too_many')
    expect(await bed().secrets.put(tenantId, 'n7', seal())).to.deep.equal({ replaced: true })
    expect(await bed().secrets.list(tenantId)).to.have.length(100)
    await bed().secrets.remove(tenantId, 'n0')
    expect(await bed().secrets.put(tenantId, 'one more', seal())).to.deep.equal({ replaced: false })
  })

  it('finds those sealed with another key, and seals them anew if nobody has changed them', async () => {
    const old = seal('previous')
    await bed().secrets.put(tenantId, 'a', old)
    await bed().secrets.put(tenantId, 'b', seal('current'))
    const others = (await bed().secrets.sealedOtherwise('current', 1_000)).filter((secret) => secret.tenantId === tenantId)
    expect(others).to.deep.equal([{ tenantId, name: 'a', ...old }])
    expect(await bed().secrets.sealedOtherwise('none', 1)).to.have.length(1)
    const next = seal('current')
    await bed().secrets.replace(tenantId, 'a', seal('previous'), next)
    expect(await bed().secrets.find(tenantId, 'a')).to.deep.equal(old)
    const [before] = await bed().secrets.list(tenantId)
    await bed().secrets.replace(tenantId, 'a', old, next)
    expect(await bed().secrets.find(tenantId, 'a')).to.deep.equal(next)
    expect((await bed().secrets.list(tenantId))[0]).to.deep.equal(before)
  })
})
