/** The retention store on PostgreSQL. */
import type { SessionStore } from '../../core/ports/identity-store.ts'
import type { RetentionStore } from '../../core/ports/retention-store.ts'
import type { AdvisoryLocks } from '../advisory-locks.ts'
import type { DatabaseClient } from '../client.ts'
import { createMessageRemoval } from '../remove-old-messages.ts'

export function createRetentionStore(
  client: DatabaseClient,
  locks: AdvisoryLocks,
  sessions: Pick<SessionStore, 'removeExpired'>,
): RetentionStore {
  const removeCounted = async (text: string, values: readonly unknown[]) => Number((await client.run(text, values))[0]?.removed)

  return {
    whileAlone: (work) => locks.exclusively('retention', work),
    removeMessages: createMessageRemoval(client.run),
    removeFailures: (tenantId, olderThanMs, limit) => removeCounted(failureRemoval, [tenantId, olderThanMs, limit]),
    removeExpiredKeys: (limit) => removeCounted(keyRemoval, [limit]),
    removeExpiredSessions: (limit) => sessions.removeExpired(limit),
    removeAuditEntries: (olderThanMs, limit) => removeCounted(auditRemoval, [olderThanMs, limit]),
  }
}

const isOld = "closed_at < now() - $2 * interval '1 millisecond'"

// A failed message that is closed has a time for it, and no other. What is found is asked again as it is removed: an operator
// may retry it meanwhile.
/** $1 tenant, $2 age in milliseconds, $3 how many. */
export const failureRemoval = `
with removed as (
  delete from failed_messages
  where tenant_id = $1 and ${isOld}
    and id = any (array(select id from failed_messages where tenant_id = $1 and ${isOld} order by closed_at limit $3))
  returning id
)
select count(*) as removed from removed`

// Nobody changes an entry, and nobody may lock one: what is found is as it was.
/** $1 age in milliseconds, $2 how many. */
export const auditRemoval = `
with removed as (
  delete from audit_log
  where id = any (array(select id from audit_log where at < now() - $1 * interval '1 millisecond' order by at, id limit $2))
  returning 1
)
select count(*) as removed from removed`

// A row that is taken anew meanwhile is either locked, or no longer expired when its lock is got.
/** $1 how many. */
export const keyRemoval = `
with removed as (
  delete from idempotency_keys
  where ctid = any (array(
    select ctid from idempotency_keys where expires_at <= now() order by expires_at limit $1 for update skip locked
  ))
  returning 1
)
select count(*) as removed from removed`
