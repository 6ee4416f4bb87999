/** The audit store in memory. */
import { randomUUIDv7 } from 'node:crypto'
import type { AuditQuery, AuditStore, StoredAuditEntry } from '../../../src/core/ports/audit-store.ts'
import { toStorableEntry } from '../../../src/database/audit-values.ts'
import { type MemoryTables, pageOf } from './tables.ts'

export function createMemoryAudit(tables: MemoryTables): AuditStore {
  return {
    async add(entry) {
      if (entry.tenantId !== null && !tables.tenants.has(entry.tenantId)) return
      const place = { id: randomUUIDv7(), at: new Date(tables.nowMs()), micros: tables.nextMicros() }
      tables.audit.push({ ...toStorableEntry(entry), ...place })
    },
    async list(query) {
      const entries = tables.audit.filter((entry) => isAskedFor(entry, query))
      const { items, next } = pageOf(entries, query, ({ micros: _micros, ...entry }) => entry)
      return { entries: items, next }
    },
  }
}

function isAskedFor(entry: StoredAuditEntry, query: AuditQuery): boolean {
  return (
    (query.tenantId === undefined || entry.tenantId === query.tenantId) &&
    (query.action === undefined || entry.action === query.action) &&
    (query.doer === undefined || entry.doer.id === query.doer || entry.doer.name === query.doer) &&
    (query.resource === undefined || entry.resource === query.resource) &&
    (query.since === undefined || entry.at >= query.since) &&
    (query.until === undefined || entry.at < query.until)
  )
}
