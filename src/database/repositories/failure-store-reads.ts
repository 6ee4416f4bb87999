/** Reads failed messages: one, a page, how many, and what kinds. */
import { type CompiledQuery, sql } from 'kysely'
import type { FailedMessage, FailedStatus } from '../../core/failure.ts'
import { failedStatuses } from '../../core/failure.ts'
import type { MessageId, TenantId } from '../../core/ids.ts'
import type { FailedFilter, FailedPage, FailedQuery, FailedStats, PendingRetries } from '../../core/ports/failure-store.ts'
import { toPlainArray } from '../array-literal.ts'
import { type Statements, statements } from '../client.ts'
import { readSizedPage } from '../sized-page.ts'
import { isMeant } from './failure-store-filter.ts'
import { createdAtMicros, type FailedRow, failedColumns, selectFailed, toFailedMessage } from './failure-store-rows.ts'

const maxKinds = 20

export async function findFailed(client: Statements, tenantId: TenantId, id: MessageId): Promise<FailedMessage | undefined> {
  const [row] = await client.rows(selectFailed().where('tenant_id', '=', tenantId).where('id', '=', id))
  return row === undefined ? undefined : toFailedMessage(row)
}

/** The index has the newest of each status together, so each status gives its newest, and the newest of those are the page. */
export async function listFailed(client: Statements, query: FailedQuery): Promise<FailedPage> {
  const { tenantId, after, limit, statuses = failedStatuses, ...filter } = query
  const isAfter =
    after === undefined
      ? sql`true`
      : sql`(f.created_at, f.id) < (timestamptz 'epoch' + ${after.createdAtMicros}::bigint * interval '1 microsecond', ${after.id}::uuid)`
  const newest = sql`(
    select f.*, ${createdAtMicros} as micros from unnest(${toPlainArray([...new Set(statuses)])}::text[]) as s (status) cross join lateral (
      select ${sql.raw(failedColumns.join(', '))} from failed_messages f
      where ${isMeant(tenantId, filter)} and f.status = s.status and ${isAfter}
      order by f.created_at desc, f.id desc limit ${limit + 1}
    ) f
    order by f.created_at desc, f.id desc limit ${limit + 1}
  )`
  const { rows, hasMore } = await readSizedPage<FailedRow & { readonly micros: string }>(client, {
    rows: newest,
    time: 'created_at',
    direction: 'desc',
    bytes: sql`octet_length(body) + octet_length(history::text)`,
    limit,
  })
  const last = rows.at(-1)
  const next = hasMore && last !== undefined ? { createdAtMicros: last.micros, id: last.id } : undefined
  return { failed: rows.map(toFailedMessage), next }
}

export async function countFailed(client: Statements, tenantId: TenantId, filter: FailedFilter): Promise<number> {
  const query = sql`select count(*) as count from failed_messages f where ${isMeant(tenantId, filter)}`.compile(statements)
  const [row] = await client.run(query.sql, query.parameters)
  return Number(row?.count)
}

/** Units: reads every entry of one index of what waits of the tenant. */
export async function readPending(client: Statements, tenantId: TenantId): Promise<PendingRetries> {
  const query = sql`
    select count(*) as count, min(f.next_retry_at) as next_retry_at from failed_messages f
    where f.tenant_id = ${tenantId}::uuid and f.status = 'pending'`.compile(statements)
  const [row] = await client.run(query.sql, query.parameters)
  return { count: Number(row?.count), nextRetryAt: (row?.next_retry_at as Date | null) ?? null }
}

/**
 * Counts by status, and the most frequent kinds of failure.
 *
 * Units: reads every entry of two indexes of the tenant, or of the whole table, and no row of it but 20: about a second for a million.
 */
export async function readFailedStats(client: Statements, tenantId: TenantId | undefined): Promise<FailedStats> {
  const isOfTenant = tenantId === undefined ? sql`true` : sql`f.tenant_id = ${tenantId}::uuid`
  const read = (query: CompiledQuery) => client.run(query.sql, query.parameters)
  const counts = sql`select f.status, count(*) as count from failed_messages f where ${isOfTenant} group by f.status`.compile(statements)
  const kinds = sql`
    with kinds as (
      select f.fingerprint, count(*) as count, max(f.failed_at) as last_failed_at
      from failed_messages f
      where ${isOfTenant} and f.status in ('pending', 'retried', 'permanently_failed')
      group by f.fingerprint order by count desc, f.fingerprint limit ${maxKinds}
    )
    select k.*, e.* from kinds k cross join lateral (
      select f.tenant_id, f.type, f.error_class, f.error from failed_messages f
      where ${isOfTenant} and f.status in ('pending', 'retried', 'permanently_failed')
        and f.fingerprint = k.fingerprint and f.failed_at = k.last_failed_at
      limit 1
    ) e
    order by k.count desc, k.fingerprint`.compile(statements)
  const next = sql`
    select min(f.next_retry_at) as next_retry_at from failed_messages f where ${isOfTenant} and f.status = 'pending'`.compile(statements)
  const [countRows, kindRows, [nextRow]] = [await read(counts), await read(kinds), await read(next)]
  return {
    byStatus: toCounts(countRows),
    kinds: kindRows.map((row) => ({
      fingerprint: String(row.fingerprint),
      type: row.type as string | null,
      errorClass: String(row.error_class),
      error: String(row.error),
      tenantId: row.tenant_id as TenantId,
      count: Number(row.count),
      lastFailedAt: row.last_failed_at as Date,
    })),
    nextRetryAt: (nextRow?.next_retry_at as Date | null) ?? null,
  }
}

function toCounts(rows: readonly Readonly<Record<string, unknown>>[]): Readonly<Record<FailedStatus, number>> {
  const counted = new Map(rows.map((row) => [row.status, Number(row.count)]))
  const countOf = (status: FailedStatus): number => counted.get(status) ?? 0
  return {
    pending: countOf('pending'),
    retried: countOf('retried'),
    resolved: countOf('resolved'),
    permanently_failed: countOf('permanently_failed'),
    discarded: countOf('discarded'),
  }
}
