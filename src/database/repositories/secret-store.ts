/** The secret store on PostgreSQL. */
import { sql } from 'kysely'
import { AppError } from '../../core/errors.ts'
import type { TenantId } from '../../core/ids.ts'
import type { SecretStore } from '../../core/ports/secret-store.ts'
import { type Statements, statements } from '../client.ts'
import { runIdentity, tenantMissing } from './identity-errors.ts'

const maxSecrets = 100

interface PutRow {
  readonly has_tenant: boolean
  /** null when nothing was stored. */
  readonly replaced: boolean | null
}

/** `requests` runs what a request asks for, `service` what is not limited to a request's tenant. */
export function createSecretStore(requests: Statements, service: Statements): SecretStore {
  return {
    async put(tenantId, name, { keyId, sealed }) {
      const [row] = (await runIdentity(() => requests.run(putting, [tenantId, name, keyId, sealed]))) as unknown as PutRow[]
      if (row?.has_tenant !== true) throw tenantMissing()
      if (row.replaced === null) {
        throw new AppError('secret.too_many', `a tenant has at most ${maxSecrets} secrets`, { scope: 'tenant' })
      }
      return { replaced: row.replaced }
    },
    async list(tenantId) {
      const rows = await requests.rows(secretsOf(tenantId).select(['name', 'created_at', 'updated_at']).orderBy(sql`name collate "C"`))
      return rows.map((row) => ({ name: row.name, createdAt: row.created_at, updatedAt: row.updated_at }))
    },
    async remove(tenantId, name) {
      const removal = statements.deleteFrom('tenant_secrets').where('tenant_id', '=', tenantId).where('name', '=', name)
      return (await requests.rows(removal.returning('name'))).length > 0
    },
    async find(tenantId, name) {
      const [row] = await service.rows(secretsOf(tenantId).select(['key_id', 'sealed']).where('name', '=', name))
      return row === undefined ? undefined : { keyId: row.key_id, sealed: row.sealed }
    },
    async sealedOtherwise(keyId, limit) {
      const others = statements.selectFrom('tenant_secrets').select(['tenant_id', 'name', 'key_id', 'sealed']).where('key_id', '<>', keyId)
      const rows = await service.rows(others.orderBy('tenant_id').orderBy('name').limit(limit))
      return rows.map((row) => ({ tenantId: row.tenant_id, name: row.name, keyId: row.key_id, sealed: row.sealed }))
    },
    async replace(tenantId, name, before, after) {
      await service.run(replacing, [tenantId, name, before.keyId, before.sealed, after.keyId, after.sealed])
    },
  }
}

const secretsOf = (tenantId: TenantId) => statements.selectFrom('tenant_secrets').where('tenant_id', '=', tenantId)

// The limit guards against a tenant that stores without end: those put at the same moment may go beyond it by a few.
const putting = `
with tenant as (
  select id from tenants where id = $1 and status <> 'deleting'
), stored as (
  insert into tenant_secrets (tenant_id, name, key_id, sealed) select id, $2, $3, $4 from tenant
  where (select count(*) from tenant_secrets where tenant_id = $1 and name <> $2) < ${maxSecrets}
  on conflict (tenant_id, name) do update set key_id = $3, sealed = $4, updated_at = now()
  returning created_at <> updated_at as replaced
)
select exists (select from tenant) as has_tenant, (select replaced from stored) as replaced`

// As it was put, only sealed anew: `updated_at` tells when its value changed.
const replacing = `
update tenant_secrets set key_id = $5, sealed = $6 where tenant_id = $1 and name = $2 and key_id = $3 and sealed = $4`
