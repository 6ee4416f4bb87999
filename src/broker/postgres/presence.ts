/** One connection that says "this node is alive": a shared advisory lock that PostgreSQL drops the moment the node dies. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { settledWithin } from './deadline.ts'
import { createSockets } from './sockets.ts'

export interface Presence {
  /**
   * Connects and joins the nodes of this installation. `alone` is true when no other node was alive; then no other can join
   * until `settle()`. Waits while another node is settling in.
   */
  join(): Promise<{ readonly alone: boolean }>
  /** Lets the other nodes in. */
  settle(): Promise<void>
  /** True when the database answers on this connection within `timeoutMs`. Never rejects. */
  probe(timeoutMs: number): Promise<boolean>
  /** Leaves. A join under way rejects. Tolerates twice. Never rejects. */
  close(): Promise<void>
}

export interface PresenceOptions {
  readonly url: string
  /** Installations in one database differ by schema. */
  readonly schema: string
  /** Called once when the connection ended by itself. */
  readonly onEnded: (reason: string) => void
}

const politeEndMs = 250

export function createPresence(options: PresenceOptions): Presence {
  const key = `tenantry.broker.node.${options.schema}`
  const sockets = createSockets()
  const client = new pg.Client({
    connectionString: options.url,
    application_name: 'tenantry-broker-presence',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    stream: sockets.create,
  })
  let closed = false
  let alone = false
  const ended = (reason: string) => {
    if (closed) return
    closed = true
    options.onEnded(reason)
  }
  client.on('error', (error) => ended(error.message))
  client.on('end', () => ended('the connection was closed'))

  const lock = (call: string) => client.query<{ taken: unknown }>(`SELECT ${call}(hashtextextended($1, 0)) AS taken`, [key])

  return {
    async join() {
      await client.connect()
      // The lock has to outlive any idle limit the server sets.
      await client.query('SET idle_session_timeout = 0')
      alone = (await lock('pg_try_advisory_lock')).rows[0]?.taken === true
      if (!alone) await lock('pg_advisory_lock_shared')
      return { alone }
    },
    async settle() {
      if (!alone) return
      // Shared before unlocking, so that there is no moment at which this node cannot be seen.
      await lock('pg_advisory_lock_shared')
      await lock('pg_advisory_unlock')
      alone = false
    },
    async probe(timeoutMs) {
      if (closed) return false
      const silence = new AbortController()
      const answered = client.query('SELECT').then(
        () => true,
        () => false,
      )
      // A blocked event loop runs the timer before it reads the answer: look once more after reading.
      const silent = delay(timeoutMs, undefined, { signal: silence.signal }).then(
        () => new Promise<boolean>((resolve) => setImmediate(() => setImmediate(resolve, false))),
        () => false,
      )
      const alive = await Promise.race([answered, silent])
      silence.abort()
      return alive
    },
    async close() {
      closed = true
      await settledWithin(client.end(), politeEndMs)
      sockets.destroy()
    },
  }
}
