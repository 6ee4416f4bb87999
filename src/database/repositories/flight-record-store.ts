/** The store of flight records on PostgreSQL. */
import { sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import { toStorable } from '../../core/failure.ts'
import type { FlightRecordEntry, FlightRecordPage, FlightRecordQuery, FlightRecordStore } from '../../core/ports/flight-record-store.ts'
import type { FlightDump } from '../../core/ports/inspection.ts'
import { type Statements, statements } from '../client.ts'
import type { FlightRecordsTable } from '../schema.ts'
import type { SlowWork } from '../slow-work.ts'

type EntryRow = Omit<FlightRecordsTable, 'dump' | 'recorded_at'> & { readonly recorded_at: Date }

const keptRecords = 1_000
/** No tenant takes the place of all others. */
const keptOfTenant = 100

/** `requests` runs what a request asks for; `service` adds: actors live longer than the request that has spawned them. */
export function createFlightRecordStore(requests: Statements, service: Statements, slowWork: Pick<SlowWork, 'read'>): FlightRecordStore {
  return {
    async add(dump) {
      const { tenantId, node, actorId, machine, reason, recordedAt } = dump
      // Unlike Node's own, these rise within a millisecond, too.
      const values = [uuidv7(), tenantId, toStorable(node), toStorable(actorId), machine, toStorable(reason), recordedAt]
      // JSON writes NUL and lone surrogates so that a text may hold them.
      const [row] = await service.run(adding, [...values, JSON.stringify(dump), keptRecords - 1, keptOfTenant - 1])
      return row === undefined ? undefined : String(row.id)
    },
    list: (query) => slowWork.read(() => listRecords(requests, query), query.tenantId),
    async find(id) {
      const [row] = await requests.rows(statements.selectFrom('flight_records').selectAll().where('id', '=', id))
      return row === undefined ? undefined : { ...toEntry(row), dump: JSON.parse(row.dump) as FlightDump }
    },
  }
}

// The tenant stays until its record is there, for its removal to find it. A node whose clock is ahead does not outlive the others.
const adding = `
with removed as (
  delete from flight_records
  where (recorded_at, id) <= (select recorded_at, id from flight_records order by recorded_at desc, id desc offset $9::integer limit 1)
  or (tenant_id = $2::uuid and (recorded_at, id) <= (
    select recorded_at, id from flight_records where tenant_id = $2::uuid order by recorded_at desc, id desc offset $10::integer limit 1
  ))
)
insert into flight_records (id, tenant_id, node_id, actor_id, machine, reason, recorded_at, dump)
select $1::uuid, $2::uuid, $3, $4, $5, $6, least($7::timestamptz, now()), $8
where $2::uuid is null or exists (select from tenants where id = $2::uuid for key share)
returning id`

async function listRecords(client: Statements, { tenantId, actorId, after, limit }: FlightRecordQuery): Promise<FlightRecordPage> {
  let records = statements
    .selectFrom('flight_records')
    .select(['id', 'tenant_id', 'node_id', 'actor_id', 'machine', 'reason', 'recorded_at'])
    .select(sql<string>`(extract(epoch from recorded_at) * 1000000)::bigint::text`.as('micros'))
  if (tenantId !== undefined) records = records.where('tenant_id', '=', tenantId)
  if (actorId !== undefined) records = records.where('actor_id', '=', actorId)
  if (after !== undefined) {
    const recordedAt = sql<Date>`timestamptz 'epoch' + ${after.recordedAtMicros}::bigint * interval '1 microsecond'`
    records = records.where(sql<boolean>`(recorded_at, id) < (${recordedAt}, ${after.id}::uuid)`)
  }
  const newest = records.orderBy('recorded_at', 'desc').orderBy('id', 'desc')
  const rows = await client.rows(newest.limit(limit + 1))
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? { recordedAtMicros: last.micros, id: last.id } : undefined
  return { records: page.map(toEntry), next }
}

function toEntry(row: EntryRow): FlightRecordEntry {
  return {
    id: row.id,
    node: row.node_id,
    actorId: row.actor_id,
    machine: row.machine,
    tenantId: row.tenant_id,
    reason: row.reason,
    recordedAt: row.recorded_at,
  }
}
