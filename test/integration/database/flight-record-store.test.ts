import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { FlightRecordQuery } from '../../../src/core/ports/flight-record-store.ts'
import type { FlightDump } from '../../../src/core/ports/inspection.ts'
import type { Database } from '../../../src/database/index.ts'
import { createTestDatabase, type TestDatabase } from '../../support/database.ts'
import { newTenant } from './fixtures.ts'

const snapshot = { value: 'running', context: { text: 'a\u0000b\ud800' }, status: 'active', children: [] }

const newDump = (tenantId: TenantId | null, fields: Partial<FlightDump> = {}) =>
  ({
    format: 'tenantry.flight-record',
    version: 1,
    node: 'n1',
    actorId: tenantId === null ? 'ledger' : `tenant:${tenantId}`,
    machine: tenantId === null ? 'ledger' : 'tenant',
    tenantId,
    recordedAt: '2026-01-02T03:04:05.678Z',
    base: snapshot,
    entries: [{ at: '2026-01-02T03:04:05.600Z', event: { type: 'tenant.desire' }, state: 'running' }],
    last: snapshot,
    crash: null,
    ...fields,
    reason: fields.reason ?? 'it was quarantined',
  }) satisfies FlightDump

describe('the store of flight records', () => {
  let database: TestDatabase
  let node: Database
  let a: TenantId
  let b: TenantId

  before(async () => {
    database = await createTestDatabase()
    node = await database.open()
  })
  beforeEach(async () => {
    await database.query('delete from flight_records')
    a = (await node.tenants.create(newTenant())).id
    b = (await node.tenants.create(newTenant())).id
  })
  after(() => database[Symbol.asyncDispose]())

  const reasons = async (query: Partial<FlightRecordQuery> = {}) =>
    (await node.flightRecords.list({ limit: 50, ...query })).records.map(({ reason }) => reason)
  const keep = (tenantId: TenantId | null, second: number, fields: Partial<FlightDump> = {}) => {
    const at = `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`
    return node.flightRecords.add(newDump(tenantId, { recordedAt: at, reason: `r${second}`, ...fields }))
  }

  it('gives back what it was given, whatever characters are in it', async () => {
    const dump = newDump(a, { reason: 'a\u0000b\ud800', node: 'n\u0000' })
    const id = await node.flightRecords.add(dump)
    const found = await node.flightRecords.find(String(id))
    expect(found).to.deep.equal({
      ...{ id, node: 'n\ufffd', actorId: `tenant:${a}`, machine: 'tenant', tenantId: a, reason: 'a\ufffdb\ufffd' },
      ...{ recordedAt: new Date(dump.recordedAt), dump },
    })
    expect(await node.flightRecords.find(a)).to.equal(undefined)
  })

  it('lists them newest first, page by page, of all, one tenant or one actor', async () => {
    for (const second of [3, 1, 2]) await keep(second === 2 ? null : a, second)
    await keep(b, 4)
    await keep(a, 5, { actorId: `tenant:${a}.worker:1` })
    // The same instant: the one that was kept later comes first.
    await keep(a, 5, { reason: 'r6' })
    const pages: string[][] = []
    for (let after: FlightRecordQuery['after'] | undefined; ; ) {
      const { records, next } = await node.flightRecords.list({ limit: 2, ...(after && { after }) })
      pages.push(records.map(({ reason }) => reason))
      if (next === undefined) break
      after = next
    }
    expect(pages).to.deep.equal([
      ['r6', 'r5'],
      ['r4', 'r3'],
      ['r2', 'r1'],
    ])
    expect(await reasons({ tenantId: a })).to.deep.equal(['r6', 'r5', 'r3', 'r1'])
    expect(await reasons({ actorId: `tenant:${a}.worker:1` })).to.deep.equal(['r5'])
    expect(await reasons({ tenantId: b, actorId: `tenant:${a}.worker:1` })).to.deep.equal([])
  })

  it('shows a request of a tenant its own only, and none of the platform', async () => {
    const [own, others, platform] = [await keep(a, 1), await keep(b, 2), await keep(null, 3)]
    await node.asTenant(a, async () => {
      expect(await reasons()).to.deep.equal(['r1'])
      expect(await reasons({ tenantId: b })).to.deep.equal([])
      expect(await node.flightRecords.find(String(own))).to.include({ tenantId: a })
      for (const id of [others, platform]) expect(await node.flightRecords.find(String(id))).to.equal(undefined)
      // What an actor keeps is kept, whichever request has made it.
      expect(await keep(b, 4)).to.be.a('string')
    })
    expect(await reasons()).to.deep.equal(['r4', 'r3', 'r2', 'r1'])
  })

  it('keeps none of a tenant that has been removed', async () => {
    await keep(a, 1)
    await keep(b, 2)
    await node.tenants.remove(a, 0)
    expect(await keep(a, 3)).to.equal(undefined)
    expect(await reasons()).to.deep.equal(['r2'])
    const { certificate } = (await node.tenants.tombstone(a)) ?? {}
    expect(certificate?.places.find(({ name }) => name === 'flight_records')).to.include({ found: 1, left: 0 })
  })

  it('keeps the newest hundred of a tenant, and takes no other’s place for them', async () => {
    await keep(b, 0)
    await keep(null, 0, { reason: 'platform' })
    await database.query(
      `insert into flight_records (id, tenant_id, node_id, actor_id, machine, reason, recorded_at, dump)
       select gen_random_uuid(), $1::uuid, 'n', 'tenant', 'tenant', 'old ' || n, timestamptz '2026-01-02' + n * interval '1 second', '{}'
       from generate_series(1, 103) n`,
      [a],
    )
    await keep(a, 1)
    const ofTenant = await reasons({ tenantId: a, limit: 200 })
    expect([ofTenant.length, ofTenant[0], ofTenant.at(-1)]).to.deep.equal([100, 'r1', 'old 5'])
    expect([await reasons({ tenantId: b }), await reasons({ actorId: 'ledger' })]).to.deep.equal([['r0'], ['platform']])
  })

  it('keeps the newest thousand', async () => {
    await database.query(
      `insert into flight_records (id, node_id, actor_id, machine, reason, recorded_at, dump)
       select gen_random_uuid(), 'n', 'ledger', 'ledger', 'old ' || n, timestamptz '2026-01-01' + n * interval '1 second', '{}'
       from generate_series(1, 1005) n`,
    )
    // A node whose clock is ahead.
    await keep(null, 1, { recordedAt: '2999-01-01T00:00:00.000Z' })
    const count = async () => (await database.query<{ count: number }>('select count(*)::integer as count from flight_records'))[0]?.count
    expect(await count()).to.equal(1_000)
    await Promise.all([2, 3].map((second) => keep(a, second)))
    await keep(a, 4)
    expect(await count()).to.equal(1_000)
    const [ahead] = (await node.flightRecords.list({ limit: 1 })).records
    expect(ahead?.recordedAt.getTime()).to.be.at.most(Date.now())
    expect(await database.query("select from flight_records where reason = 'old 9'")).to.deep.equal([])
    expect(await database.query("select from flight_records where reason = 'old 10'")).to.have.length(1)
  })
})
