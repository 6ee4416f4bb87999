/** Sessions without a login: a hashed password for each would take longer than the requests that need them. */
import { randomUUID } from 'node:crypto'
import type { Stage } from './stage.ts'
import type { StageTenant } from './tenant.ts'
import { forge } from './tokens.ts'

/** Tokens of that many new sessions of a user, the tenant's owner unless told otherwise. */
export async function openSessions(
  stage: Stage,
  { id, users: { owner } }: StageTenant,
  count: number,
  userId = owner.id,
): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await stage.query(
    `insert into sessions (id, tenant_id, user_id, created_at, last_used_at, expires_at, address)
     select s, $2, $3, now(), now(), now() + interval '1 day', '127.0.0.1' from unnest($1::uuid[]) s`,
    [ids, id, userId],
  )
  return ids.map((sid) => forge(owner.token, { claims: { sid, sub: userId }, key: stage.signingKey.key }))
}
