/** The API key store on PostgreSQL. One that has expired counts as gone; the tenant's next removes it. */
import type { TenantId } from '../../core/ids.ts'
import type { ApiKey, ApiKeyStore, IdentityPage, IdentityQuery, NewApiKey } from '../../core/ports/identity-store.ts'
import { toTextArray } from '../array-literal.ts'
import { type Statements, statements } from '../client.ts'
import { createdAtMicros, isAfter } from '../keyset.ts'
import type { ApiKeysTable } from '../schema.ts'
import { runIdentity, tenantMissing } from './identity-errors.ts'
import { toPage } from './identity-page.ts'
import { databaseNow } from './tenant-rows.ts'

const keyColumns = [
  'id',
  'tenant_id',
  'name',
  'prefix',
  'scopes',
  'created_by',
  'created_at',
  'last_used_at',
  'expires_at',
  'replaced_at',
] as const
type ApiKeyRow = Pick<ApiKeysTable, 'id' | 'tenant_id' | 'name' | 'prefix' | 'scopes' | 'created_by'> & {
  readonly created_at: Date
  readonly last_used_at: Date | null
  readonly expires_at: Date | null
  readonly replaced_at: Date | null
}

/** `requests` runs what a request asks for, `service` what is not limited to a request's tenant. */
export function createApiKeyStore(requests: Statements, service: Statements): ApiKeyStore {
  return {
    async create(key) {
      const [row] = await runKeys(requests, creating, [key.tenantId, ...toValues(key)])
      if (row === undefined) throw tenantMissing()
      return toApiKey(row)
    },
    list: (tenantId, query) => listKeys(requests, tenantId, query),
    async find(tenantId, id) {
      const [row] = await runKeys(requests, finding, [tenantId, id])
      return row === undefined ? undefined : toApiKey(row)
    },
    async rotate(tenantId, id, next, overlapMs) {
      const [old, added] = await runKeys(requests, rotating, [tenantId, ...toValues(next), id, overlapMs])
      return old === undefined || added === undefined ? undefined : { old: toApiKey(old), next: toApiKey(added) }
    },
    async remove(tenantId, id) {
      const [row] = await runKeys(requests, removing, [tenantId, id])
      return row === undefined ? undefined : toApiKey(row)
    },
    async findByHash(hash) {
      const [row] = await runKeys(service, findingByHash, [hash])
      return row === undefined ? undefined : toApiKey(row)
    },
    async touch(id) {
      await service.run(touching, [id])
    },
  }
}

const runKeys = (client: Statements, text: string, values: readonly unknown[]): Promise<readonly ApiKeyRow[]> =>
  runIdentity(async () => (await client.run(text, values)) as unknown as readonly ApiKeyRow[])

const toValues = ({ id, name, prefix, hash, scopes, createdBy, expiresAt }: NewApiKey): readonly unknown[] => [
  id,
  name,
  prefix,
  hash,
  toTextArray(scopes),
  createdBy,
  expiresAt,
]

async function listKeys(client: Statements, tenantId: TenantId, { after, limit }: IdentityQuery): Promise<IdentityPage<ApiKey>> {
  let keys = statements
    .selectFrom('api_keys')
    .select([...keyColumns, createdAtMicros.as('micros')])
    .where('tenant_id', '=', tenantId)
    .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', databaseNow)]))
  if (after !== undefined) keys = keys.where(isAfter(after))
  const newest = keys.orderBy('created_at', 'desc').orderBy('id', 'desc')
  return toPage(await client.rows(newest.limit(limit + 1)), limit, toApiKey)
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdBy: row.created_by,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    replacedAt: row.replaced_at,
  }
}

const columns = keyColumns.join(', ')
const isAlive = '(expires_at is null or expires_at > now())'

/** $1 is the tenant, $2 to $8 are what `toValues` gives. */
const insertion = `
insert into api_keys (tenant_id, id, name, prefix, hash, scopes, created_by, expires_at)
select t.id, $2::uuid, $3, $4, $5, $6::text[], $7, $8::timestamptz from tenants t`

const creating = `
with expired as (
  delete from api_keys where tenant_id = $1 and expires_at <= now()
)
${insertion} where t.id = $1 and t.status <> 'deleting' returning ${columns}`

const finding = `select ${columns} from api_keys where tenant_id = $1 and id = $2 and ${isAlive}`

const rotating = `
with old as (
  update api_keys set expires_at = least(expires_at, now() + $10 * interval '1 millisecond'), replaced_at = now()
  where tenant_id = $1 and id = $9 and replaced_at is null and ${isAlive}
    and exists (select from tenants t where t.id = $1 and t.status <> 'deleting')
  returning ${columns}
), added as (
  ${insertion} join old on old.tenant_id = t.id returning ${columns}
)
select ${columns} from old union all select ${columns} from added`

const removing = `delete from api_keys where tenant_id = $1 and id = $2 and ${isAlive} returning ${columns}`

const findingByHash = `
select ${columns} from api_keys
where hash = $1 and ${isAlive} and exists (select from tenants t where t.id = api_keys.tenant_id and t.status <> 'deleting')`

const touching = `
update api_keys set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at <= now() - interval '1 minute')`
