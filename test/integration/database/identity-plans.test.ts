import { randomUUIDv7 } from 'node:crypto'
import { expect } from 'chai'
import type { TenantId } from '../../../src/core/ids.ts'
import type { DatabaseClient } from '../../../src/database/client.ts'
import { createApiKeyStore } from '../../../src/database/repositories/api-key-store.ts'
import { createAuditStore } from '../../../src/database/repositories/audit-store.ts'
import { createInvitationStore } from '../../../src/database/repositories/invitation-store.ts'
import { createSessionStore } from '../../../src/database/repositories/session-store.ts'
import { createUserStore } from '../../../src/database/repositories/user-store.ts'
import { newHash, openPostgresBed } from './identity-stores.ts'

const rowCount = 4_000
const tenantCount = 20

const statementsOfSetup = [
  `insert into tenants (id, name, status, workers) select gen_random_uuid(), 'tenant ' || n, 'active', 1 from generate_series(1, ${tenantCount}) n`,
  `create temporary table place as select id as tenant_id, row_number() over () as place from tenants`,
  `insert into users (tenant_id, id, username, password_hash, role, created_at)
   select tenant_id, gen_random_uuid(), 'user ' || n, 'hash', case when n % 100 < 20 then 'owner' else 'member' end, now() - n * interval '1 s'
   from generate_series(1, ${rowCount}) n join place on place = n % ${tenantCount} + 1`,
  `insert into sessions (id, tenant_id, user_id, expires_at, address)
   select gen_random_uuid(), tenant_id, id, now() + interval '1 hour', '::1' from users`,
  `insert into refresh_tokens (hash, session_id, tenant_id, expires_at)
   select sha256(id::text::bytea), id, tenant_id, expires_at from sessions`,
  `insert into api_keys (tenant_id, id, name, prefix, hash, scopes, created_at)
   select tenant_id, id, 'key', 'tnt_a1b2c3d4', sha256(id::text::bytea), '{read}', created_at from users`,
  `insert into invitations (tenant_id, id, hash, role, expires_at)
   select tenant_id, id, sha256(id::text::bytea), 'member', now() + interval '1 hour' from users`,
  `insert into audit_log (id, at, tenant_id, doer_kind, action, address, request_id)
   select id, created_at, tenant_id, 'admin', 'user.create', '::1', '' from users`,
  'analyze tenants, users, sessions, refresh_tokens, api_keys, invitations, audit_log',
]

describe('statements about users, sessions and keys', () => {
  it(`never read all of ${rowCount} rows`, async () => {
    await using bed = await openPostgresBed()
    await bed.client.alone(async (run) => {
      for (const text of statementsOfSetup) await run(text)
    })
    const [user] = await bed.client.run('select tenant_id, id, username from users offset 1000 limit 1')
    const [session] = await bed.client.run('select session_id, hash from refresh_tokens offset 1000 limit 1')
    const plans: string[] = []
    await useAll(
      explain(bed.client, plans),
      user as { tenant_id: TenantId; id: string; username: string },
      session as { session_id: string; hash: Buffer },
    )
    expect(plans).to.have.length(19)
    for (const plan of plans) expect(plan).not.to.match(/Seq Scan on (users|sessions|refresh_tokens|api_keys|invitations|audit_log)/)
  })
})

function explain(client: DatabaseClient, plans: string[]): Pick<DatabaseClient, 'run' | 'rows'> {
  const run: DatabaseClient['run'] = async (text, values) => {
    const plan = await client.run(`explain ${text}`, values)
    plans.push(`${text}\n${plan.map((row) => row['QUERY PLAN']).join('\n')}`)
    return client.run(text, values)
  }
  return {
    run,
    async rows(query) {
      const { sql, parameters } = query.compile()
      return (await run(sql, parameters)) as never
    },
  }
}

async function useAll(
  client: Pick<DatabaseClient, 'run' | 'rows'>,
  { tenant_id: tenantId, id, username }: { readonly tenant_id: TenantId; readonly id: string; readonly username: string },
  { session_id: sessionId, hash }: { readonly session_id: string; readonly hash: Buffer },
): Promise<void> {
  const users = createUserStore(client, client)
  const sessions = createSessionStore(client)
  const keys = createApiKeyStore(client, client)
  const invitations = createInvitationStore(client, client)
  const audit = createAuditStore(client, client, { read: (work) => work() })
  const from = { address: '::1', userAgent: null }
  const after = { createdAtMicros: String(Date.now() * 1_000), id: randomUUIDv7() }
  expect(await users.findForLogin(tenantId, username)).to.include({ id })
  expect((await users.list(tenantId, { after, limit: 10 })).items).to.have.length(10)
  expect(await users.change(tenantId, id, { role: 'member' })).not.to.equal(undefined)
  expect(await sessions.state(sessionId)).to.include({ id: sessionId })
  expect(await sessions.rotate(hash, newHash(), 1_000, from)).to.include({ kind: 'rotated' })
  expect(await sessions.listOf({ kind: 'tenant_user', tenantId, userId: id })).to.have.length(1)
  const owner = { kind: 'tenant_user', tenantId, userId: id } as const
  await sessions.create({ id: randomUUIDv7(), owner, verifiedHash: 'hash', refreshHash: newHash(), lifetimeMs: 1_000, ...from })
  expect(await users.replacePassword(tenantId, id, 'hash', 'next')).to.equal(true)
  expect(await sessions.revokeAll({ kind: 'tenant_user', tenantId, userId: id })).to.have.length(2)
  await sessions.removeExpired(100)
  expect(await keys.findByHash(newHash())).to.equal(undefined)
  await keys.touch(id)
  expect((await keys.list(tenantId, { limit: 10 })).items).to.have.length(10)
  expect(await keys.rotate(tenantId, randomUUIDv7(), newKey(tenantId), 0)).to.equal(undefined)
  expect((await invitations.list(tenantId, { after, limit: 10 })).items).to.have.length(10)
  await invitations.accept(newHash(), { id, username, passwordHash: '' }).catch(() => undefined)
  expect((await audit.list({ tenantId, after, limit: 10 })).entries).to.have.length(10)
  expect((await audit.list({ tenantId: undefined, after, limit: 10 })).entries).to.have.length(10)
}

const newKey = (tenantId: TenantId) => ({
  id: randomUUIDv7(),
  tenantId,
  name: 'key',
  prefix: 'tnt_a1b2c3d4',
  hash: newHash(),
  scopes: ['read'] as const,
  createdBy: null,
  expiresAt: null,
})
