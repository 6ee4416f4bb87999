/** The only door of the database room. */
import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import type { AuditStore } from '../core/ports/audit-store.ts'
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { DueHints } from '../core/ports/due-hints.ts'
import type { FailureStore } from '../core/ports/failure-store.ts'
import type { FlightRecordStore } from '../core/ports/flight-record-store.ts'
import type { IdempotencyStore } from '../core/ports/idempotency-store.ts'
import type { ApiKeyStore, IdentityHints, InvitationStore, SessionStore, UserStore } from '../core/ports/identity-store.ts'
import type { MessageStore } from '../core/ports/message-store.ts'
import type { Peers } from '../core/ports/peers.ts'
import type { RequestScope } from '../core/ports/request-scope.ts'
import type { RetentionStore } from '../core/ports/retention-store.ts'
import type { ScheduleStore } from '../core/ports/schedule-store.ts'
import type { SecretStore } from '../core/ports/secret-store.ts'
import type { Hints, Nodes, TenantStore } from '../core/ports/tenant-store.ts'
import { createAdvisoryLocks } from './advisory-locks.ts'
import { createDueHints } from './due-hints.ts'
import { createHints } from './hints.ts'
import { createIdentityHints } from './identity-hints.ts'
import { createListener, type Listener } from './listener.ts'
import { limitLookUps } from './look-ups.ts'
import { createNodes } from './nodes.ts'
import { openConnections } from './open-connections.ts'
import { createPartitions } from './partitions.ts'
import { createPeers } from './peers.ts'
import { createApiKeyStore } from './repositories/api-key-store.ts'
import { createAuditStore } from './repositories/audit-store.ts'
import { createAuthStore } from './repositories/auth-store.ts'
import { createFailureStore } from './repositories/failure-store.ts'
import { createFlightRecordStore } from './repositories/flight-record-store.ts'
import { createIdempotencyStore } from './repositories/idempotency-store.ts'
import { createInvitationStore } from './repositories/invitation-store.ts'
import { createMessageStore } from './repositories/message-store.ts'
import { createRetentionStore } from './repositories/retention-store.ts'
import { createScheduleStore } from './repositories/schedule-store.ts'
import { createSecretStore } from './repositories/secret-store.ts'
import { createSessionStore } from './repositories/session-store.ts'
import { createTenantStore } from './repositories/tenant-store.ts'
import { createUserStore } from './repositories/user-store.ts'
import { createRequests } from './request-scope.ts'
import { createSlowWork } from './slow-work.ts'

export { createListener, type Listener } from './listener.ts'
export { migrateDown, migrateUp, migrationStatus } from './migrator.ts'

export interface Database {
  readonly messages: MessageStore
  readonly schedules: ScheduleStore
  readonly idempotency: IdempotencyStore
  readonly retention: RetentionStore
  readonly failures: FailureStore
  readonly flightRecords: FlightRecordStore
  readonly tenants: TenantStore
  readonly hints: Hints
  readonly dueHints: DueHints
  readonly nodes: Nodes
  /** Short talks between the nodes, over the listener's channel `peers`. */
  readonly peers: Peers
  readonly auth: AuthStore
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly invitations: InvitationStore
  readonly apiKeys: ApiKeyStore
  readonly audit: AuditStore
  readonly secrets: SecretStore
  readonly identityHints: IdentityHints
  /** What is asked of the stores for a request is asked in here: see the port. */
  readonly asTenant: RequestScope
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
  /** Logs in as the role that requests run as. Such a role is made when it is undefined. */
  readonly tenantUrl?: string | undefined
  /** `public` when undefined. Lower-case letters, digits and underscores. */
  readonly schema?: string
  /**
   * Connections for everyday statements, and as many for those of requests. Up to four more are opened: two for partitions, one
   * for locks, one that listens.
   */
  readonly poolSize: number
  readonly statementTimeoutMs: number
  /** Unique among the nodes of the installation. */
  readonly nodeId: string
  readonly role: 'all' | 'api' | 'worker'
  /**
   * What the nodes say to each other is sealed with the first and opened with any: 32 bytes each. Without one this node talks to no
   * other.
   */
  readonly peerKeys: readonly Buffer[]
  /** Hears why something was not told to another node, or one of its questions not answered. Must not throw. */
  readonly onPeerError: (error: Error) => void
  /** Hears of connections lost in the background; everything else is told to the caller. Must not throw. */
  readonly onError: (error: Error) => void
}

/**
 * Connects to a database whose migrations have been run. When it resolves, the database has answered, the role that requests run
 * as is there, every partition is protected, and row-level security is known to hold.
 *
 * Errors: AppError `config.invalid` (URL, schema, a PostgreSQL older than 15, or a database that would not keep tenants apart),
 * `database.unavailable`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const settings = { ...options, schema: options.schema ?? 'public' }
  const { client, tenantClient, role } = await openConnections(settings)
  const { asTenant, requests } = createRequests(client, tenantClient)
  const listener = createListener(settings)
  const nodes = createNodes(client, options)
  const peers = createPeers({
    listener,
    nodes,
    nodeId: options.nodeId,
    keys: options.peerKeys.length > 0 ? options.peerKeys : [randomBytes(32)],
    onError: options.onPeerError,
  })
  const locks = createAdvisoryLocks(settings)
  const slowWork = createSlowWork(client)
  const credentials = {
    auth: createAuthStore(client),
    users: createUserStore(requests, client),
    sessions: createSessionStore(client),
    apiKeys: createApiKeyStore(requests, client),
  }
  let closed: Promise<void> | undefined
  return {
    messages: createMessageStore(requests, client, slowWork),
    schedules: createScheduleStore(requests, client, slowWork),
    idempotency: createIdempotencyStore(requests),
    retention: createRetentionStore(client, locks, createSessionStore(client)),
    failures: createFailureStore(requests, client, slowWork),
    flightRecords: createFlightRecordStore(requests, client, slowWork),
    tenants: createTenantStore({ requests, service: client, partitions: createPartitions(client, role.quoted), locks }),
    hints: createHints(listener, options.nodeId),
    dueHints: createDueHints(listener, options.nodeId),
    nodes,
    peers,
    ...limitLookUps(credentials, slowWork.lookUp),
    invitations: createInvitationStore(requests, client),
    audit: createAuditStore(requests, client, slowWork),
    secrets: createSecretStore(requests, client),
    identityHints: createIdentityHints(listener, options.nodeId),
    asTenant,
    listener,
    pool: client.pool,
    url: settings.url,
    schema: settings.schema,
    close() {
      peers.close()
      closed ??= Promise.all([listener.close(), locks.close(), tenantClient.close(), client.close()]).then(() => undefined)
      return closed
    },
  }
}
