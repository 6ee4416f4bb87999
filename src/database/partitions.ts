/** Makes and removes a tenant's partition of `messages` without stopping anybody who reads or writes the others. */
import pLimit from 'p-limit'
import { AppError, errorText } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { DatabaseClient, RunStatement } from './client.ts'
import { readSqlState } from './errors.ts'
import { withLockRetries } from './lock-retries.ts'
import { toProtection } from './row-security.ts'

/**
 * What the catalog says about the table of a partition.
 *
 * | absent    | there is no such table                                          |
 * | attached  | rows of the tenant can be written and read                      |
 * | open      | the same, made by an earlier version that did not protect it    |
 * | detaching | a DETACH … CONCURRENTLY was interrupted and waits for FINALIZE  |
 * | apart     | the table is there and no partition: detached, not yet dropped  |
 */
type PartitionState = 'absent' | 'attached' | 'open' | 'detaching' | 'apart'

/** Errors: AppError `database.unavailable`; of `ensure` also `partition.missing`, when it is refused for good. */
export interface Partitions {
  /** Makes the partition exist and protects it, with the rows it has when an earlier removal was given up half-way. Idempotent. */
  ensure(tenantId: TenantId): Promise<void>
  /** Runs `insertTenant` and makes an empty partition in the same transaction: both are there afterwards, or neither. */
  createWith<T>(tenantId: TenantId, insertTenant: (run: RunStatement) => Promise<T>): Promise<T>
  /** Removes the partition and its rows. Idempotent; continues what an interrupted removal left. */
  remove(tenantId: TenantId): Promise<void>
}

/** `tenantRole`, as a statement names it, gets the privileges on a partition that it has on `messages`. */
export function createPartitions(client: DatabaseClient, tenantRole?: string): Partitions {
  const removals = pLimit(1)
  const { schema } = client.target
  const tenantLock = (name: string) => `tenantry:${schema}:${name}`
  const detachLock = `tenantry:${schema}:detach`
  const nothing = async () => undefined

  // CREATE … PARTITION OF would lock the whole of `messages` against reads; ATTACH does not. A removal of the same tenant
  // that was interrupted has to be finished outside a transaction first, so the transaction reports it and is repeated.
  async function place<T>(tenantId: TenantId, before: (run: RunStatement) => Promise<T>, leftovers: 'keep' | 'drop'): Promise<T> {
    const name = partitionName(tenantId)
    return withLockRetries(async () => {
      if ((await readState(client.run, schema, name)) === 'detaching') await finishDetaching()
      return client.transaction(async (run) => {
        await run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [tenantLock(name)])
        const result = await before(run)
        await attach(run, tenantId, leftovers)
        return result
      })
    })
  }

  async function attach(run: RunStatement, tenantId: TenantId, leftovers: 'keep' | 'drop'): Promise<void> {
    const name = partitionName(tenantId)
    const state = await readState(run, schema, name)
    if (state === 'attached') return
    if (state === 'open') {
      await run(toProtection(name, tenantRole))
      return
    }
    if (state === 'apart' && leftovers === 'drop') await run(`drop table ${name}`)
    // The constraint is what spares ATTACH from reading the table.
    const constraint = `constraint tenant_check check (tenant_id = '${tenantId}' and tenant_id is not null)`
    const isKept = state === 'apart' && leftovers === 'keep'
    // Sent together: a table that is no partition yet is nobody's concern.
    await run(`
      ${isKept ? '' : `create table ${name} (like messages including all, ${constraint});`}
      ${toProtection(name, tenantRole)}
      alter table messages attach partition ${name} for values in ('${tenantId}')`)
  }

  // PostgreSQL lets one partition at a time be on its way out, so whoever detaches has the lock for it and clears the way.
  // One at a time on this node, too: a connection for schema changes stays free for creating.
  const whileDetaching = (work: (run: RunStatement) => Promise<void>): Promise<void> =>
    removals(() =>
      client.alone(async (run) => {
        try {
          await run('select pg_advisory_lock(hashtextextended($1, 0))', [detachLock])
          for (const { name } of await run(interruptedDetachments)) await run(`alter table messages detach partition ${name} finalize`)
          await work(run)
        } finally {
          await run('select pg_advisory_unlock_all()')
        }
      }),
    )

  const finishDetaching = () => whileDetaching(nothing)

  return {
    async ensure(tenantId) {
      if ((await readState(client.run, schema, partitionName(tenantId))) === 'attached') return
      await place(tenantId, nothing, 'keep').catch(rethrowRefused)
    },
    createWith: (tenantId, insertTenant) => place(tenantId, insertTenant, 'drop'),
    async remove(tenantId) {
      const name = partitionName(tenantId)
      if ((await readState(client.run, schema, name)) === 'absent') return
      await withLockRetries(() =>
        whileDetaching(async (run) => {
          await run('select pg_advisory_lock(hashtextextended($1, 0))', [tenantLock(name)])
          const state = await readState(run, schema, name)
          if (state === 'attached' || state === 'open') await run(`alter table messages detach partition ${name} concurrently`)
          // Dropping an attached partition would lock all of `messages`; here it is a table on its own.
          await run(`drop table if exists ${name}`)
        }),
      )
    },
  }
}

/** Class 42: a wrong kind of table, a missing privilege …; it is the same the next time, and no outage. */
function rethrowRefused(error: unknown): never {
  if (!readSqlState(error)?.startsWith('42')) throw error
  throw new AppError('partition.missing', `the partition cannot be made: ${errorText(error)}`, { scope: 'tenant', cause: error })
}

const tenantIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The table of a tenant's partition, safe to stand in a statement. Errors: AppError `internal` for a text that is no lower-case UUID. */
export function partitionName(tenantId: TenantId): string {
  if (!tenantIdPattern.test(tenantId)) throw new AppError('internal', 'a tenant id is not a UUID')
  return `messages_${tenantId.replaceAll('-', '_')}`
}

const interruptedDetachments = `
select format('%I', c.relname) as name
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass('messages') and i.inhdetachpending`

const stateOfTable = `
select i.inhrelid is not null as has_parent, coalesce(i.inhdetachpending, false) as is_pending, c.relrowsecurity as is_protected
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_inherits i on i.inhrelid = c.oid
where n.nspname = $1 and c.relname = $2`

async function readState(run: RunStatement, schema: string, name: string): Promise<PartitionState> {
  const [row] = await run(stateOfTable, [schema, name])
  if (row === undefined) return 'absent'
  if (row.is_pending === true) return 'detaching'
  if (row.has_parent !== true) return 'apart'
  return row.is_protected === true ? 'attached' : 'open'
}
