/** The idempotency store on PostgreSQL. */
import type { MessageId } from '../../core/ids.ts'
import type { IdempotencyStore, KeyBeginning, KeyedPublish } from '../../core/ports/idempotency-store.ts'
import { toPlainArray } from '../array-literal.ts'
import type { Statements } from '../client.ts'

interface KeyRow {
  readonly is_taken: boolean
  readonly digest: string
  readonly ids: readonly MessageId[]
  readonly begun: number
  readonly published: boolean
}

export function createIdempotencyStore(requests: Statements): IdempotencyStore {
  return {
    async begin(publish, leaseMs, keepMs) {
      const { tenantId, key, digest, ids } = publish
      for (;;) {
        const values = [tenantId, key, digest, toPlainArray(ids), leaseMs, Math.max(keepMs, leaseMs)]
        const [row] = (await requests.run(beginning, values)) as unknown as KeyRow[]
        // No row: another request took the key, or gave it up, while the statement ran. The next look sees it.
        if (row !== undefined) return toBeginning(row, publish)
      }
    },
    async finish(tenantId, key) {
      await requests.run('update idempotency_keys set published = true where tenant_id = $1 and key = $2', [tenantId, key])
    },
    async release(tenantId, key) {
      await requests.run(releasing, [tenantId, key])
    },
  }
}

function toBeginning(row: KeyRow, publish: KeyedPublish): KeyBeginning {
  if (row.is_taken) return { kind: row.begun === 1 ? 'first' : 'repeat', ids: row.ids }
  if (row.digest !== publish.digest) return { kind: 'mismatch' }
  return row.published ? { kind: 'published', ids: row.ids } : { kind: 'in_progress' }
}

// A key that has expired counts as absent, whatever it is. One whose lease is over is taken with the ids it has.
const beginning = `
with taken as (
  insert into idempotency_keys as k (tenant_id, key, digest, ids, leased_until, expires_at)
  values ($1, $2, $3, $4::uuid[], now() + $5 * interval '1 millisecond', now() + $6 * interval '1 millisecond')
  on conflict (tenant_id, key) do update set
    digest = excluded.digest,
    ids = case when k.expires_at <= now() then excluded.ids else k.ids end,
    begun = case when k.expires_at <= now() then 1 else k.begun + 1 end,
    created_at = case when k.expires_at <= now() then now() else k.created_at end,
    published = false,
    leased_until = excluded.leased_until,
    expires_at = excluded.expires_at
  where k.expires_at <= now() or (not k.published and k.leased_until <= now() and k.digest = excluded.digest)
  returning digest, ids, begun, published
)
select true as is_taken, digest, ids, begun, published from taken
union all
select false, digest, ids, begun, published from idempotency_keys
where tenant_id = $1 and key = $2 and expires_at > now() and not exists (select from taken)`

const releasing = 'update idempotency_keys set leased_until = now() where tenant_id = $1 and key = $2 and not published'
