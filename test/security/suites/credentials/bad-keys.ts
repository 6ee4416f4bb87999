/** API keys that no node may accept. */
import { createApi } from '../../../support/api.ts'
import type { Stage } from '../../stage/stage.ts'
import type { StageKey } from '../../stage/tenant.ts'
import type { BadCredentials } from './bad-tokens.ts'

export async function createBadKeys(stage: Stage): Promise<readonly BadCredentials[]> {
  const { own, deleted, node } = stage
  const owner = createApi(node.url, own.users.owner.token)
  const path = `/v1/tenants/${own.id}/api-keys`
  const create = (name: string) => owner.expect<StageKey>(201, 'POST', path, { json: { name, scopes: ['publish', 'read', 'operate'] } })
  const [expired, revoked] = await Promise.all([create('expired'), create('revoked')])
  await stage.query(`update api_keys set expires_at = now() - interval '1 second' where id = $1`, [expired.id])
  // Used before, so that the node remembers it.
  await stage.client.send({ method: 'GET', path: '/v1/auth/me', headers: { 'x-api-key': revoked.key } })
  await owner.expect(204, 'DELETE', `${path}/${revoked.id}`)
  const good = own.keys.read.key
  const keys: Readonly<Record<string, string>> = {
    'unknown API key': `${good.slice(0, -43)}${'x'.repeat(43)}`,
    'prefix of an API key': good.slice(0, 12),
    'API key of another prefix': `tnt_zzzzzzzz${good.slice(12)}`,
    'expired API key': expired.key,
    'revoked API key': revoked.key,
    'API key of the deleted tenant': deleted.keys.read.key,
    'empty API key': '',
    'API key with SQL': `${good.slice(0, 12)}' or '1'='1`,
    '10 KB API key': good + 'x'.repeat(10_000),
    'two API keys': `${good}, ${good}`,
  }
  return Object.entries(keys).map(([name, key]) => ({ name, headers: { 'x-api-key': key } }))
}
