/** The session store on PostgreSQL. */
import { maxSessions, maxSpentTokens, type SessionOwner } from '../../core/identity.ts'
import type { Rotation, Session, SessionStore } from '../../core/ports/identity-store.ts'
import type { Statements } from '../client.ts'
import { runIdentity, tenantMissing } from './identity-errors.ts'
import { type SessionRow, type SessionStateRow, stateColumns, stateSources, toSession, toSessionState } from './session-rows.ts'

type RotationRow = SessionStateRow & { readonly kind: Exclude<Rotation['kind'], 'unknown'> | null }

const maxListed = 200

export function createSessionStore(service: Statements): SessionStore {
  return {
    async create({ id, owner, verifiedHash, refreshHash, lifetimeMs, address, userAgent }) {
      const values = [...toKey(owner), id, refreshHash, lifetimeMs, address, userAgent, verifiedHash]
      const [row] = (await runIdentity(() => service.run(creating, values))) as unknown as { readonly ended: readonly string[] }[]
      if (row === undefined) throw tenantMissing()
      return row.ended
    },
    async rotate(spent, next, lifetimeMs, { address, userAgent }): Promise<Rotation> {
      const values = [spent, next, lifetimeMs, address, userAgent]
      const [row] = (await runIdentity(() => service.run(rotating, values))) as unknown as RotationRow[]
      return row === undefined || row.kind === null ? { kind: 'unknown' } : { kind: row.kind, session: toSessionState(row) }
    },
    async state(id) {
      const [row] = (await service.run(readingState, [id])) as unknown as SessionStateRow[]
      return row === undefined ? undefined : toSessionState(row)
    },
    async listOf(owner): Promise<readonly Session[]> {
      return ((await service.run(listing, toKey(owner))) as unknown as SessionRow[]).map(toSession)
    },
    async revoke(owner, id) {
      return (await runIdentity(() => service.run(revoking, [...toKey(owner), id]))).length > 0
    },
    async revokeAll(owner, exceptId) {
      const rows = await runIdentity(() => service.run(revokingAll, [...toKey(owner), exceptId ?? null]))
      return (rows as unknown as { readonly id: string }[]).map(({ id }) => id)
    },
    async removeExpired(limit) {
      await service.run(removingTokens, [limit])
      return (await service.run(removingExpired, [limit])).length
    },
  }
}

/** The columns that say whose it is: tenant_id, user_id, admin_id. */
const toKey = (owner: SessionOwner): readonly (string | null)[] =>
  owner.kind === 'admin' ? [null, null, owner.adminId] : [owner.tenantId, owner.userId, null]

const isAlive = 'ended_at is null and expires_at > now()'
const isTheirs = '((tenant_id = $1 and user_id = $2) or admin_id = $3)'

// The owner is locked against a change of the password: the lock waits for one that has begun, and then looks at the new one.
const creating = `
with tenant_user as (
  select u.tenant_id, u.id from users u join tenants t on t.id = u.tenant_id
  where u.tenant_id = $1 and u.id = $2 and u.password_hash = $9 and t.status <> 'deleting'
  for share of u
), admin as (
  select id from admins where id = $3 and password_hash = $9 for share
), session as (
  insert into sessions (id, tenant_id, user_id, admin_id, expires_at, address, user_agent)
  select $4::uuid, tenant_id, user_id, admin_id, now() + $6 * interval '1 millisecond', $7, $8
  from (select tenant_id, id as user_id, null::uuid as admin_id from tenant_user union all select null, null, id from admin) owner
  returning id, tenant_id, expires_at
), surplus as (
  select id from sessions where ${isTheirs} and exists (select from session)
  order by (${isAlive}) desc, created_at desc, id desc offset ${maxSessions - 1}
), locked as (
  select id from sessions where id = any (array(select id from surplus)) order by id for update
), ended as (
  delete from sessions where id = any (array(select id from locked)) returning id
), token as (
  insert into refresh_tokens (hash, session_id, tenant_id, expires_at) select $5, id, tenant_id, expires_at from session returning 1
)
select array(select id::text from ended) as ended from token`

// The session is locked before its token, in the order in which a removed session removes its tokens. Under the lock both are read
// as they are by then, so of several with the same token the first finds it unspent, and the others find it spent.
const rotating = `
with session as (
  select * from sessions
  where id = (select session_id from refresh_tokens where hash = $1) and expires_at > now()
  for no key update
), token as (
  select spent_at from refresh_tokens
  where hash = $1 and session_id = (select id from session) and expires_at > now()
  for no key update
), decided as (
  select ${stateColumns}, case when token.spent_at is not null then 'reused' when s.ended_at is null then 'rotated' end as kind
  from session s cross join token ${stateSources}
), spent as (
  update refresh_tokens set spent_at = now() where hash = $1 and exists (select from decided where kind = 'rotated')
), ended as (
  update sessions set ended_at = now() where id = (select id from decided where kind = 'reused') and ended_at is null
), moved as (
  update sessions set last_used_at = now(), expires_at = now() + $3 * interval '1 millisecond', address = $4, user_agent = $5
  where id = (select id from decided where kind = 'rotated')
  returning id, tenant_id, expires_at
), forgotten as (
  delete from refresh_tokens where hash = any (array(
    select hash from refresh_tokens
    where session_id = (select id from decided where kind = 'rotated') and spent_at is not null
    order by spent_at desc offset ${maxSpentTokens - 1}
  ))
), added as (
  insert into refresh_tokens (hash, session_id, tenant_id, expires_at) select $2, id, tenant_id, expires_at from moved
  returning expires_at
)
select id, tenant_id, user_id, admin_id, username, role, kind, coalesce((select expires_at from added), expires_at) as expires_at
from decided`

const readingState = `
select ${stateColumns} from sessions s ${stateSources} and s.id = $1 and s.ended_at is null and s.expires_at > now()`

const listing = `
select id, created_at, last_used_at, expires_at, address, user_agent from sessions where ${isTheirs} and ${isAlive}
order by created_at desc, id desc limit ${maxListed}`

const revoking = `delete from sessions where ${isTheirs} and id = $4 and ${isAlive} returning id`

// Whoever ends several sessions has their user first: a user's removal takes the sessions in no order, and two who hold some of them
// each would wait for one another. The count makes the lock come first.
const revokingAll = `
with owner as (
  select id from users where tenant_id = $1 and id = $2 for no key update
), theirs as (
  select id from sessions
  where (select count(*) from owner) >= 0 and ${isTheirs} and id is distinct from $4 and ${isAlive}
  order by id for update
)
delete from sessions using theirs where sessions.id = theirs.id returning sessions.id`

const removingExpired = `
delete from sessions
where id = any (array(select id from sessions where expires_at <= now() order by expires_at limit $1 for update skip locked))
returning id`

// Those of sessions that go on; nobody can use them any more, spent or not.
const removingTokens = `
delete from refresh_tokens
where hash = any (array(select hash from refresh_tokens where expires_at <= now() order by expires_at limit $1 for update skip locked))`
