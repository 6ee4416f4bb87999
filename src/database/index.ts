/** The only door of the database room. */
import type pg from 'pg'
import { AppError } from '../core/errors.ts'
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { DueHints } from '../core/ports/due-hints.ts'
import type { FailureStore } from '../core/ports/failure-store.ts'
import type { IdempotencyStore } from '../core/ports/idempotency-store.ts'
import type { MessageStore } from '../core/ports/message-store.ts'
import type { RetentionStore } from '../core/ports/retention-store.ts'
import type { ScheduleStore } from '../core/ports/schedule-store.ts'
import type { Hints, Nodes, TenantStore } from '../core/ports/tenant-store.ts'
import { createAdvisoryLocks } from './advisory-locks.ts'
import { createDatabaseClient, type DatabaseClient } from './client.ts'
import { createDueHints } from './due-hints.ts'
import { createHints } from './hints.ts'
import { createListener, type Listener } from './listener.ts'
import { createNodes } from './nodes.ts'
import { createPartitions } from './partitions.ts'
import { createAuthStore } from './repositories/auth-store.ts'
import { createFailureStore } from './repositories/failure-store.ts'
import { createIdempotencyStore } from './repositories/idempotency-store.ts'
import { createMessageStore } from './repositories/message-store.ts'
import { createRetentionStore } from './repositories/retention-store.ts'
import { createScheduleStore } from './repositories/schedule-store.ts'
import { createTenantStore } from './repositories/tenant-store.ts'
import { createSlowWork } from './slow-work.ts'

export { createListener, type Listener } from './listener.ts'
export { migrateDown, migrateUp, migrationStatus } from './migrator.ts'

export interface Database {
  readonly messages: MessageStore
  readonly schedules: ScheduleStore
  readonly idempotency: IdempotencyStore
  readonly retention: RetentionStore
  readonly failures: FailureStore
  readonly tenants: TenantStore
  readonly hints: Hints
  readonly dueHints: DueHints
  readonly nodes: Nodes
  readonly auth: AuthStore
  /** This node's notes to other nodes; the hints use its channels `tenants` and `due`. */
  readonly listener: Listener
  readonly pool: pg.Pool
  readonly url: string
  readonly schema: string
  /** Ends every connection, after the statements that run. Tolerates twice. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  /** `public` when undefined. Lower-case letters, digits and underscores. */
  readonly schema?: string
  /** Connections for everyday statements. Up to four more are opened: two for partitions, one for locks, one that listens. */
  readonly poolSize: number
  readonly statementTimeoutMs: number
  /** Unique among the nodes of the installation. */
  readonly nodeId: string
  readonly role: 'all' | 'api' | 'worker'
  /** Hears of connections lost in the background; everything else is told to the caller. Must not throw. */
  readonly onError: (error: Error) => void
}

const oldestVersion = 150_000

/**
 * Connects to a database whose migrations have been run. When it resolves, the database has answered.
 *
 * Errors: AppError `config.invalid` (URL, schema, or a PostgreSQL older than 15), `database.unavailable`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const settings = { ...options, schema: options.schema ?? 'public' }
  const client = createDatabaseClient(settings)
  try {
    await requireVersion(client)
  } catch (error) {
    await client.close()
    throw error
  }
  const listener = createListener(settings)
  const locks = createAdvisoryLocks(settings)
  const slowWork = createSlowWork(client)
  let closed: Promise<void> | undefined
  return {
    messages: createMessageStore(client, slowWork),
    schedules: createScheduleStore(client),
    idempotency: createIdempotencyStore(client),
    retention: createRetentionStore(client, locks),
    failures: createFailureStore(client, slowWork),
    tenants: createTenantStore(client, createPartitions(client), locks),
    hints: createHints(listener, options.nodeId),
    dueHints: createDueHints(listener, options.nodeId),
    nodes: createNodes(client, options),
    auth: createAuthStore(client),
    listener,
    pool: client.pool,
    url: settings.url,
    schema: settings.schema,
    close() {
      closed ??= Promise.all([listener.close(), locks.close(), client.close()]).then(() => undefined)
      return closed
    },
  }
}

async function requireVersion(client: DatabaseClient): Promise<void> {
  const [row] = await client.run(
    "select current_setting('server_version_num')::integer as version, current_setting('server_version') as text",
  )
  if (Number(row?.version) < oldestVersion) {
    throw new AppError('config.invalid', `PostgreSQL 15 or newer is needed; the server is ${String(row?.text)}`)
  }
}
