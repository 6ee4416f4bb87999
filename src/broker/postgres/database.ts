/** The connections for queries: one pool that pg-boss and our own statements share, and that can be ended at once. */
import pg from 'pg'
import { settledWithin } from './deadline.ts'
import { isConnectionError } from './errors.ts'
import { createSockets } from './sockets.ts'

export interface Rows<Row> {
  readonly rows: Row[]
  readonly rowCount: number | null
}

export interface Database {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Rows<Row>>
  /** Ends every connection, those with a statement under way too: such statements reject. Tolerates twice. Never rejects. */
  destroy(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  readonly poolSize: number
  /** Called when a statement failed because its connection did. */
  readonly onTrouble: (error: unknown) => void
}

// A queue's table grows and shrinks faster than its statistics are gathered. Believing it small, the planner reads and sorts
// the whole backlog for each claim; without bitmap scans it walks the index made for claiming and stops at the limit.
const plannerSettings = '-c enable_bitmapscan=off -c jit=off'

// Somebody else's lock on the queue tables would otherwise hold a consumer that is being closed, for as long as it lasts.
const lockTimeoutMs = 15_000

const politeEndMs = 250

export function createDatabase(options: DatabaseOptions): Database {
  const sockets = createSockets()
  let ended: Promise<void> | undefined
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: 'tenantry-broker',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    stream: sockets.create,
    options: `${plannerSettings} -c lock_timeout=${lockTimeoutMs}`,
  })
  pool.on('error', (error) => options.onTrouble(error))

  async function end(): Promise<void> {
    // The pool waits for statements under way, and on a dead network those never end.
    await settledWithin(pool.end(), politeEndMs)
    sockets.destroy()
  }

  return {
    async query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]) {
      try {
        return await pool.query<Row>(text, values)
      } catch (error) {
        if (isConnectionError(error)) options.onTrouble(error)
        throw error
      }
    },
    destroy() {
      ended ??= end()
      return ended
    },
  }
}
