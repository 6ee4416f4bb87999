/** Credentials good and bad, each with who somebody is who shows them. */
import type { ApiKeyScope, TenantRole } from '../../../../src/core/identity.ts'
import { makeFresh } from '../../stage/fresh.ts'
import { openSessions } from '../../stage/sessions.ts'
import type { Stage } from '../../stage/stage.ts'
import type { StageTenant } from '../../stage/tenant.ts'
import { createBadKeys } from './bad-keys.ts'
import { createBadTokens } from './bad-tokens.ts'

/** Whom the node should take somebody for. */
export type Shown =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'admin' }
  | { readonly kind: 'user'; readonly tenantId: string; readonly role: TenantRole }
  | { readonly kind: 'key'; readonly tenantId: string; readonly scope: ApiKeyScope }

export interface Variant {
  readonly name: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly shown: Shown
}

export async function createVariants(stage: Stage): Promise<readonly Variant[]> {
  const nobody = { kind: 'nobody' } as const
  const bad = [...createBadTokens(stage), ...(await createBadKeys(stage)), ...(await createEndedSessions(stage))]
  return [
    ...bad.map((variant) => ({ ...variant, shown: nobody })),
    { name: 'platform admin', headers: bearer(stage.adminToken), shown: { kind: 'admin' } },
    ...goodOnes('own', stage.own),
    ...goodOnes('other', stage.other),
  ]
}

function goodOnes(word: string, { id: tenantId, users, keys }: StageTenant): readonly Variant[] {
  return [
    ...Object.values(users).map(({ role, token }) => ({
      name: `${role} of the ${word} tenant`,
      headers: bearer(token),
      shown: { kind: 'user', tenantId, role } as const,
    })),
    ...Object.entries(keys).map(([scope, { key }]) => ({
      name: `API key of the ${word} tenant to ${scope}`,
      headers: { 'x-api-key': key },
      shown: { kind: 'key', tenantId, scope: scope as ApiKeyScope } as const,
    })),
  ]
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Tokens that are well signed, and whose session is no more. */
async function createEndedSessions(stage: Stage) {
  const { own, deleted } = stage
  const [revoked = '', expired = '', orphan = ''] = await openSessions(stage, own, 3)
  const sidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')).sid
  // Past the node, which therefore has never heard of them.
  await stage.query(`update sessions set expires_at = now() - interval '1 second' where id = $1`, [sidOf(expired)])
  await stage.query('delete from sessions where id = $1', [sidOf(orphan)])
  const answer = await stage.client.send({ method: 'POST', path: '/v1/auth/logout', headers: bearer(revoked) })
  if (answer.status !== 204) throw new Error(`a session cannot be ended: ${answer.status} ${answer.text}`)
  return [
    { name: 'removed user', headers: bearer(await removeUser(stage)) },
    { name: 'revoked session', headers: bearer(revoked) },
    { name: 'expired session', headers: bearer(expired) },
    { name: 'session that never was', headers: bearer(orphan) },
    { name: 'deleted tenant', headers: bearer(deleted.users.owner.token) },
  ]
}

/** The token of somebody whom an owner has removed since it was last used. */
async function removeUser(stage: Stage): Promise<string> {
  const { own, client } = stage
  const [id = ''] = await makeFresh(stage, own, 'users', 1)
  const [token = ''] = await openSessions(stage, own, 1, id)
  const seen = await client.send({ method: 'GET', path: '/v1/auth/me', headers: bearer(token) })
  const removed = await client.send({ method: 'DELETE', path: `/v1/tenants/${own.id}/users/${id}`, headers: bearer(own.users.owner.token) })
  if (seen.status !== 200 || removed.status !== 204) throw new Error(`a user cannot be removed: ${seen.text} ${removed.text}`)
  return token
}
