/** The audit store on PostgreSQL. */

import { sql } from 'kysely'
import { v7 as uuidv7 } from 'uuid'
import type { AuditPage, AuditQuery, AuditStore, StoredAuditEntry } from '../../core/ports/audit-store.ts'
import { toStorableEntry } from '../audit-values.ts'
import { type Statements, statements } from '../client.ts'
import type { AuditLogTable } from '../schema.ts'
import { readSizedPage } from '../sized-page.ts'
import type { SlowWork } from '../slow-work.ts'

type AuditRow = Omit<AuditLogTable, 'at' | 'before' | 'after'> & { readonly at: Date; readonly before: unknown; readonly after: unknown }

/** `requests` runs what a request asks for, `service` adds what concerns no tenant. */
export function createAuditStore(requests: Statements, service: Statements, slowWork: Pick<SlowWork, 'read'>): AuditStore {
  return {
    async add(entry) {
      const { tenantId, doer, action, resource, address, requestId, before, after } = toStorableEntry(entry)
      const values = [tenantId, doer.kind, doer.id, doer.name, action, resource, address, requestId, toJson(before), toJson(after)]
      await (tenantId === null ? service : requests).run(adding, [uuidv7(), ...values])
    },
    list: (query) => slowWork.read(() => listEntries(requests, query), query.tenantId),
  }
}

const toJson = (value: unknown): string | null => (value === null ? null : JSON.stringify(value))

// A tenant that was erased while one of its requests was under way gets no entry: nothing would ever remove it.
const adding = `
insert into audit_log (id, tenant_id, doer_kind, doer_id, doer_name, action, resource, address, request_id, before, after)
select $1::uuid, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb
where $2::uuid is null or exists (select from tenants where id = $2::uuid)`

async function listEntries(client: Statements, query: AuditQuery): Promise<AuditPage> {
  const { tenantId, action, doer, resource, since, until, after, limit } = query
  let entries = statements
    .selectFrom('audit_log')
    .selectAll()
    .select(sql<string>`(extract(epoch from at) * 1000000)::bigint::text`.as('micros'))
  if (tenantId !== undefined) entries = entries.where('tenant_id', '=', tenantId)
  if (action !== undefined) entries = entries.where('action', '=', action)
  if (doer !== undefined) entries = entries.where((row) => row.or([row('doer_id', '=', doer), row('doer_name', '=', doer)]))
  if (resource !== undefined) entries = entries.where('resource', '=', resource)
  if (since !== undefined) entries = entries.where('at', '>=', since)
  if (until !== undefined) entries = entries.where('at', '<', until)
  if (after !== undefined) {
    const at = sql<Date>`timestamptz 'epoch' + ${after.createdAtMicros}::bigint * interval '1 microsecond'`
    entries = entries.where(sql<boolean>`(at, id) < (${at}, ${after.id}::uuid)`)
  }
  const newest = entries.orderBy('at', 'desc').orderBy('id', 'desc')
  const { rows, hasMore } = await readSizedPage<AuditRow & { readonly micros: string }>(client, {
    rows: newest.limit(limit + 1),
    time: 'at',
    direction: 'desc',
    bytes: sql`coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)`,
    limit,
  })
  const last = rows.at(-1)
  const next = hasMore && last !== undefined ? { createdAtMicros: last.micros, id: last.id } : undefined
  return { entries: rows.map(toEntry), next }
}

function toEntry(row: AuditRow): StoredAuditEntry {
  return {
    id: row.id,
    at: row.at,
    tenantId: row.tenant_id,
    doer: { kind: row.doer_kind, id: row.doer_id, name: row.doer_name },
    action: row.action,
    resource: row.resource,
    address: row.address,
    requestId: row.request_id,
    before: row.before,
    after: row.after,
  }
}
