/** Two tenants with a row in every table, and a session of the role that requests run as. */
import pg from 'pg'
import type { MessageId, TenantId } from '../../../src/core/ids.ts'
import type { Database } from '../../../src/database/index.ts'
import type { TestDatabase } from '../../support/database.ts'
import { newFailed, newMessageId, newRecord, newTenant } from './fixtures.ts'

export interface TenantWithRows {
  readonly id: TenantId
  /** Of its processed message, its failed one, and its scheduled one. */
  readonly messageId: MessageId
  readonly failedId: MessageId
  readonly scheduledId: MessageId
}

/** One row in every table but `tenant_tombstones`, and two in `messages`: one of them is that of the failed message. */
export async function createTenantWithRows(database: TestDatabase, node: Database): Promise<TenantWithRows> {
  const { id } = await node.tenants.create(newTenant())
  const [processed, failed, scheduledId] = [newRecord(id), newRecord(id, { settlement: newFailed(1) }), newMessageId()]
  await node.messages.record([processed, failed])
  await node.schedules.schedule([{ ...newRecord(id), id: scheduledId, readyAtMs: Date.now() + 3_600_000, firstAttempt: 1, body: '1' }])
  await node.idempotency.begin({ tenantId: id, key: 'k', digest: 'd', ids: [processed.id] }, 60_000, 60_000)
  await node.nodes.report([{ tenantId: id, state: 'running', currentWorkers: 1, busyWorkers: 0, inFlight: 0, reason: null, circuits: [] }])
  for (const statement of others) await database.query(statement, [id])
  return { id, messageId: processed.id, failedId: failed.id, scheduledId }
}

const others = [
  "insert into users (tenant_id, id, username, password_hash, role) values ($1, $1, 'u', 'hash', 'owner')",
  "insert into sessions (id, tenant_id, user_id, expires_at, address) values ($1, $1, $1, now() + interval '1 day', '::1')",
  `insert into refresh_tokens (hash, session_id, tenant_id, expires_at)
   values (sha256($1::uuid::text::bytea), $1, $1, now() + interval '1 day')`,
  `insert into invitations (tenant_id, id, hash, role, expires_at)
   values ($1, $1, sha256($1::uuid::text::bytea), 'member', now() + interval '1 day')`,
  "insert into api_keys (tenant_id, id, name, prefix, hash, scopes) values ($1, $1, 'k', 'tnt_1', sha256($1::uuid::text::bytea), '{read}')",
  `insert into audit_log (id, tenant_id, doer_kind, action, address, request_id)
   values ($1, $1, 'anonymous', 'session.login_refused', '::1', 'r')`,
  `insert into flight_records (id, tenant_id, node_id, actor_id, machine, reason, dump)
   values ($1, $1, 'n', 'tenant:1', 'tenant', 'it crashed', '{}')`,
  "insert into tenant_secrets (tenant_id, name, key_id, sealed) values ($1, 's', 'k', '\\x00')",
]

export interface TenantSession extends AsyncDisposable {
  readonly name: string
  run(text: string, values?: unknown[]): Promise<pg.QueryResult<Record<string, unknown>>>
  /** Hears the notes of the channels that it listens to. */
  onNote(hear: (payload: string) => void): void
  /** Begins a transaction, with this tenant set. */
  begin(tenantId?: TenantId): Promise<void>
  /** The same in a transaction with this tenant set, which is then committed, or rolled back when it fails. */
  runAs(tenantId: TenantId, text: string, values?: unknown[]): Promise<pg.QueryResult<Record<string, unknown>>>
}

/** Logs in as the role that the engine has made for requests, by no code of the engine. */
export async function logInAsTenantRole(database: TestDatabase): Promise<TenantSession> {
  const [role] = await database.query<{ name: string; password: string }>('select name, password from tenant_role')
  if (role === undefined) throw new Error('there is no role')
  const url = new URL(database.url)
  url.username = role.name
  url.password = role.password
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  const begin = async (tenantId?: TenantId): Promise<void> => {
    await client.query('begin')
    if (tenantId !== undefined) await client.query("select set_config('tenantry.tenant_id', $1, true)", [tenantId])
  }
  return {
    name: role.name,
    run: (text, values) => client.query(text, values),
    onNote: (hear) => client.on('notification', ({ payload }) => hear(payload ?? '')),
    begin,
    async runAs(tenantId, text, values) {
      await begin(tenantId)
      try {
        const result = await client.query(text, values)
        await client.query('commit')
        return result
      } catch (error) {
        await client.query('rollback')
        throw error
      }
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}
