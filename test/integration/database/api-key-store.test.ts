import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { NewApiKey } from '../../../src/core/ports/identity-store.ts'
import { codeOf, newTenantId } from './fixtures.ts'
import { describeOnBoth, newHash, readPages } from './identity-stores.ts'

const hourMs = 3_600_000
const expired = () => new Date(Date.now() - hourMs)

describeOnBoth('the API key store', (bed) => {
  let tenantId: TenantId

  beforeEach(async () => {
    tenantId = await bed().addTenant()
  })

  const newKey = (fields: Partial<NewApiKey> = {}): NewApiKey => ({
    id: randomUUIDv7(),
    tenantId,
    name: 'the shop, "live"',
    prefix: 'tnt_a1b2c3d4',
    hash: newHash(),
    scopes: ['publish', 'read'],
    createdBy: 'ada',
    expiresAt: null,
    ...fields,
  })

  async function add(fields: Partial<NewApiKey> = {}) {
    const given = newKey(fields)
    return { hash: given.hash, key: await bed().apiKeys.create(given) }
  }

  it('keeps a key, without its hash, and finds it by that', async () => {
    const given = newKey({ expiresAt: new Date(Date.now() + hourMs) })
    const key = await bed().apiKeys.create(given)
    const { hash, ...shown } = given
    const { createdAt, ...stored } = key
    expect(stored).to.deep.equal({ ...shown, lastUsedAt: null, replacedAt: null })
    expect(createdAt).to.be.instanceOf(Date)
    expect(await bed().apiKeys.find(tenantId, key.id)).to.deep.equal(key)
    expect(await bed().apiKeys.findByHash(hash)).to.deep.equal(key)
    expect(await bed().apiKeys.findByHash(newHash())).to.equal(undefined)
  })

  it('is gone when it has expired', async () => {
    const { hash, key } = await add({ expiresAt: expired() })
    expect(await bed().apiKeys.findByHash(hash)).to.equal(undefined)
    expect(await bed().apiKeys.find(tenantId, key.id)).to.equal(undefined)
    expect((await bed().apiKeys.list(tenantId, { limit: 10 })).items).to.deep.equal([])
    expect(await bed().apiKeys.rotate(tenantId, key.id, newKey(), hourMs)).to.equal(undefined)
    expect(await bed().apiKeys.remove(tenantId, key.id)).to.equal(undefined)
  })

  it('opens nothing of a tenant that is being deleted, and none is made there', async () => {
    const { hash, key } = await add()
    await bed().beginDeletion(tenantId)
    expect(await bed().apiKeys.findByHash(hash)).to.equal(undefined)
    expect(await codeOf(add())).to.equal('tenant.missing')
    expect(await codeOf(add({ tenantId: newTenantId() }))).to.equal('tenant.missing')
    expect(await bed().apiKeys.rotate(tenantId, key.id, newKey(), hourMs)).to.equal(undefined)
  })

  it('is rotated: the next works at once, the old one until the overlap ends', async () => {
    const { hash, key } = await add()
    const given = newKey()
    const rotated = await bed().apiKeys.rotate(tenantId, key.id, given, hourMs)
    if (rotated === undefined) throw new Error('nothing was rotated')
    expect({ ...rotated.old, expiresAt: null, replacedAt: null }).to.deep.equal(key)
    expect(rotated.old.expiresAt?.getTime()).to.be.within(Date.now() + hourMs / 2, Date.now() + hourMs * 2)
    expect(await bed().apiKeys.findByHash(hash)).to.deep.equal(rotated.old)
    expect(await bed().apiKeys.findByHash(given.hash)).to.deep.equal(rotated.next)
    expect(rotated.next).to.include({ id: given.id, prefix: given.prefix })
  })

  it('is rotated without an overlap, and never lives longer for it', async () => {
    const { hash, key } = await add()
    await bed().apiKeys.rotate(tenantId, key.id, newKey(), 0)
    expect(await bed().apiKeys.findByHash(hash)).to.equal(undefined)
    const expiresAt = new Date(Date.now() + hourMs)
    const short = await add({ expiresAt })
    const rotated = await bed().apiKeys.rotate(tenantId, short.key.id, newKey(), 24 * hourMs)
    expect(rotated?.old.expiresAt).to.deep.equal(expiresAt)
  })

  it('is rotated once when ten do it at once, with an overlap and without one', async () => {
    for (const [overlapMs, alive] of [
      [0, 1],
      [hourMs, 3],
    ] as const) {
      const { key } = await add()
      const rotations = await Promise.all(Array.from({ length: 10 }, () => bed().apiKeys.rotate(tenantId, key.id, newKey(), overlapMs)))
      expect(rotations.filter((rotation) => rotation !== undefined)).to.have.length(1)
      expect((await bed().apiKeys.list(tenantId, { limit: 20 })).items).to.have.length(alive)
    }
  })

  it('belongs to its tenant alone', async () => {
    const { hash, key } = await add()
    const other = await bed().addTenant()
    expect(await bed().apiKeys.find(other, key.id)).to.equal(undefined)
    expect(await bed().apiKeys.rotate(other, key.id, newKey({ tenantId: other }), 0)).to.equal(undefined)
    expect(await bed().apiKeys.remove(other, key.id)).to.equal(undefined)
    expect((await bed().apiKeys.list(other, { limit: 10 })).items).to.deep.equal([])
    expect(await bed().apiKeys.remove(tenantId, key.id)).to.deep.equal(key)
    expect(await bed().apiKeys.remove(tenantId, key.id)).to.equal(undefined)
    expect(await bed().apiKeys.findByHash(hash)).to.equal(undefined)
  })

  it('is listed page after page, newest first', async () => {
    const ids: string[] = []
    for (let count = 0; count < 3; count++) ids.unshift((await add()).key.id)
    expect(await readPages((query) => bed().apiKeys.list(tenantId, query))).to.deep.equal([ids.slice(0, 2), ids.slice(2)])
  })

  it('notes its use once a minute', async () => {
    const { hash, key } = await add()
    await bed().apiKeys.touch(key.id)
    const used = (await bed().apiKeys.findByHash(hash))?.lastUsedAt
    expect(used).to.be.instanceOf(Date)
    await bed().apiKeys.touch(key.id)
    expect((await bed().apiKeys.findByHash(hash))?.lastUsedAt).to.deep.equal(used)
    await bed().apiKeys.touch(randomUUIDv7())
  })
})
