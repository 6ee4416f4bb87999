import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { KeyedPublish } from '../../../src/core/ports/idempotency-store.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newMessageId, newTenantId } from './fixtures.ts'

const hourMs = 3_600_000

describe('the idempotency store', () => {
  let database: TestDatabase
  let node: Database
  let other: Database
  let publish: KeyedPublish

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
    other = await database.open()
  })
  after(() => database[Symbol.asyncDispose]())
  beforeEach(() => {
    publish = newPublish(newTenantId())
  })

  function newPublish(tenantId: TenantId, fields: Partial<KeyedPublish> = {}): KeyedPublish {
    return { tenantId, key: 'order-1', digest: 'digest', ids: [newMessageId(), newMessageId()], ...fields }
  }
  const begin = (of: Database, fields: Partial<KeyedPublish> = {}, leaseMs = hourMs, keepMs = hourMs) =>
    of.idempotency.begin({ ...publish, ids: [newMessageId()], ...fields }, leaseMs, keepMs)
  const { ids, key, tenantId } = { ids: () => publish.ids, key: 'order-1', tenantId: () => publish.tenantId }

  it('gives a key to one request, and its ids to those that repeat it when it is published', async () => {
    expect(await begin(node, { ids: ids() })).to.deep.equal({ kind: 'first', ids: ids() })
    expect(await begin(other)).to.deep.equal({ kind: 'in_progress' })
    expect(await begin(other, { digest: 'another' })).to.deep.equal({ kind: 'mismatch' })
    await node.idempotency.finish(tenantId(), key)
    expect(await begin(other)).to.deep.equal({ kind: 'published', ids: ids() })
    expect(await begin(other, { digest: 'another' })).to.deep.equal({ kind: 'mismatch' })
  })

  it('keeps tenants and keys apart', async () => {
    await begin(node)
    expect((await begin(node, { key: 'order-2' })).kind).to.equal('first')
    expect((await begin(node, { tenantId: newTenantId() })).kind).to.equal('first')
  })

  it('lets one of many that begin at once be the first', async () => {
    const beginnings = await Promise.all(
      Array.from({ length: 40 }, (_, index) => begin(index % 2 === 0 ? node : other, { digest: index % 4 < 2 ? 'a' : 'b' })),
    )
    const kinds = Object.groupBy(beginnings, ({ kind }) => kind)
    expect(kinds.first).to.have.length(1)
    expect(kinds.in_progress).to.have.length(19)
    expect(kinds.mismatch).to.have.length(20)
  })

  it('lets one of many repeat, with the ids of the first, when its lease is over', async () => {
    await begin(node, { ids: ids() }, 0)
    const beginnings = await Promise.all(Array.from({ length: 20 }, (_, index) => begin(index % 2 === 0 ? node : other)))
    expect(beginnings.filter(({ kind }) => kind === 'repeat')).to.deep.equal([{ kind: 'repeat', ids: ids() }])
    expect(beginnings.filter(({ kind }) => kind === 'in_progress')).to.have.length(19)
    expect(await begin(node, { digest: 'another' })).to.deep.equal({ kind: 'mismatch' })
  })

  it('answers with the ids once it is published, however old the lease', async () => {
    await begin(node, { ids: ids() }, 0)
    await node.idempotency.finish(tenantId(), key)
    expect(await begin(other)).to.deep.equal({ kind: 'published', ids: ids() })
    await node.idempotency.release(tenantId(), key)
    expect(await begin(other)).to.deep.equal({ kind: 'published', ids: ids() })
  })

  it('counts a key that has expired as absent, published or not, with any digest', async () => {
    await begin(node, {}, 0, 0)
    const fresh = [newMessageId()]
    expect(await begin(other, { digest: 'another', ids: fresh }, hourMs)).to.deep.equal({ kind: 'first', ids: fresh })
    expect(await begin(node)).to.deep.equal({ kind: 'mismatch' })
    await node.idempotency.finish(tenantId(), key)
    await expire()
    expect(await begin(other, { ids: ids() })).to.deep.equal({ kind: 'first', ids: ids() })
    expect(await begin(node)).to.deep.equal({ kind: 'in_progress' })
  })

  it('releases a key, so that the next request repeats with the same ids', async () => {
    await begin(node, { ids: ids() })
    await node.idempotency.release(tenantId(), key)
    expect(await begin(other)).to.deep.equal({ kind: 'repeat', ids: ids() })
    expect(await begin(node)).to.deep.equal({ kind: 'in_progress' })
  })

  it('removes keys that have expired, a batch at a time', async () => {
    for (const name of ['a', 'b', 'c']) await begin(node, { key: name })
    await expire()
    await begin(node, { key: 'kept' })
    await begin(node, { key: 'a' })
    while ((await other.retention.removeExpiredKeys(1)) > 0);
    const left = await database.query('select key from idempotency_keys where tenant_id = $1 order by key', [tenantId()])
    expect(left).to.deep.equal([{ key: 'a' }, { key: 'kept' }])
  })

  const expire = () =>
    database.query("update idempotency_keys set expires_at = now() - interval '1 second' where tenant_id = $1", [tenantId()])
})
