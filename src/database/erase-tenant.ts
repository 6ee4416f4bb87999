/** Removes a tenant for good, and writes down what there was: counted before the first row goes, and again after the last. */
import type { TenantId } from '../core/ids.ts'
import type { RemovedQueue } from '../core/ports/broker.ts'
import type { ErasedPlace, ErasureCertificate } from '../core/ports/tenant-store.ts'
import type { DatabaseClient, RunStatement } from './client.ts'
import { withLockRetries } from './lock-retries.ts'
import { type Partitions, partitionName } from './partitions.ts'
import { countTenantRows, type RowCounts, removeLastRows, removeTenantRows } from './remove-tenant-rows.ts'

/** What is kept in the tenant's row from the beginning of its erasure to the end, so that a crash between forgets nothing. */
export interface ErasureNotes {
  readonly startedAtMs: number
  /** Messages that went with queues, waited for their time, or for their next attempt. */
  readonly discarded: number
  readonly queues: readonly RemovedQueue[]
  readonly rows: RowCounts
  readonly partition: number
}

/** As the tombstone has it. `completedAt` is when the tombstone was written. */
export interface StoredCertificate {
  readonly startedAtMs: number
  readonly places: readonly ErasedPlace[]
}

/** Tables are counted once, however large: they are given an hour. */
const countAnswerMs = 3_600_000
const lastSweeps = 3

/**
 * Removes partition, rows and the tenant's own row, and leaves a tombstone with the certificate. Idempotent; goes on after a crash at
 * any step. Without the tenant's row it removes what is left of it, and writes nothing.
 *
 * Errors: AppError `database.unavailable`.
 */
export async function eraseTenant(
  { client, partitions }: { readonly client: DatabaseClient; readonly partitions: Partitions },
  tenantId: TenantId,
  removed: { readonly discarded: number; readonly queues: readonly RemovedQueue[] },
): Promise<void> {
  await takeNotes(client, tenantId, removed)
  await partitions.remove(tenantId)
  await removeTenantRows(client.run, tenantId)
  await withLockRetries(() => client.transaction((run) => finish(run, tenantId)))
}

async function takeNotes(client: DatabaseClient, tenantId: TenantId, removed: Pick<ErasureNotes, 'discarded' | 'queues'>): Promise<void> {
  const [tenant] = await client.run('select erasure is null as is_new from tenants where id = $1', [tenantId])
  if (tenant === undefined) return
  const counted = tenant.is_new === true ? await client.alone((run) => count(run, tenantId), countAnswerMs) : undefined
  await client.transaction(async (run) => {
    const [row] = await run('select erasure from tenants where id = $1 for no key update', [tenantId])
    const before = (row?.erasure as ErasureNotes | null | undefined) ?? counted
    // Another node has finished meanwhile.
    if (row === undefined || before === undefined) return
    const notes: ErasureNotes = {
      ...before,
      discarded: before.discarded + removed.discarded,
      queues: addQueues(before.queues, removed.queues),
    }
    await run('update tenants set erasure = $2 where id = $1', [tenantId, JSON.stringify(notes)])
  })
}

async function count(run: RunStatement, tenantId: TenantId): Promise<ErasureNotes> {
  const [row = {}] = await run(countWaiting, [tenantId])
  return {
    startedAtMs: Number(row.now_ms),
    discarded: Number(row.waiting),
    queues: [],
    rows: await countTenantRows(run, tenantId),
    partition: await countPartition(run, tenantId),
  }
}

// What waits in no queue goes with the tenant as well.
const countWaiting = `
select (select count(*) from failed_messages where tenant_id = $1 and status = 'pending')
     + (select count(*) from scheduled_messages where tenant_id = $1) as waiting,
       (extract(epoch from now()) * 1000)::bigint as now_ms`

async function countPartition(run: RunStatement, tenantId: TenantId): Promise<number> {
  const name = partitionName(tenantId)
  const [table] = await run('select to_regclass($1) is not null as is_there', [name])
  if (table?.is_there !== true) return 0
  const [row] = await run(`select count(*) as count from ${name}`)
  return Number(row?.count)
}

/** A queue that was removed in two goes, around a crash, had what was found in both. */
function addQueues(before: readonly RemovedQueue[], now: readonly RemovedQueue[]): readonly RemovedQueue[] {
  const counts = new Map(before.map(({ name, messages }) => [name, messages]))
  for (const { name, messages } of now) counts.set(name, (counts.get(name) ?? 0) + messages)
  return [...counts].map(([name, messages]) => ({ name, messages }))
}

/** The last step, whole or not at all. */
async function finish(run: RunStatement, tenantId: TenantId): Promise<void> {
  const [row] = await run('select erasure from tenants where id = $1 for update', [tenantId])
  let left: RowCounts = {}
  // What was written while the rows before it went is seen by the next sweep.
  for (let sweep = 1; sweep <= lastSweeps; sweep++) {
    await removeLastRows(run, tenantId)
    left = await countTenantRows(run, tenantId)
    if (Object.values(left).every((rows) => rows === 0)) break
  }
  const notes = row?.erasure as ErasureNotes | null | undefined
  if (!notes) return
  const certificate: StoredCertificate = {
    startedAtMs: notes.startedAtMs,
    places: toPlaces(tenantId, notes, { rows: left, partition: await countPartition(run, tenantId) }),
  }
  await run(writeTombstone, [tenantId, notes.discarded, JSON.stringify(certificate)])
}

const writeTombstone = `
insert into tenant_tombstones (tenant_id, discarded, certificate) values ($1, $2, $3)
on conflict (tenant_id) do update set discarded = excluded.discarded, certificate = excluded.certificate, deleted_at = now()`

function toPlaces(tenantId: TenantId, found: ErasureNotes, left: Pick<ErasureNotes, 'rows' | 'partition'>): readonly ErasedPlace[] {
  return [
    { name: partitionName(tenantId), kind: 'partition', found: found.partition, left: left.partition },
    ...Object.entries(left.rows).map(([name, rows]) => ({ name, kind: 'table', found: found.rows[name] ?? 0, left: rows }) as const),
    ...found.queues.map(({ name, messages }) => ({ name, kind: 'queue', found: messages, left: 0 }) as const),
  ]
}

export function toCertificate(tenantId: TenantId, stored: StoredCertificate | null, completedAt: Date): ErasureCertificate | undefined {
  if (stored === null) return undefined
  return { tenantId, startedAt: new Date(stored.startedAtMs), completedAt, places: stored.places }
}
