/** Runs statements as the tenant role, each in a transaction of its own in which one tenant is set. */
import type pg from 'pg'
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import type { Row } from './client.ts'
import { isConnectionIntact, readSqlState, toDatabaseError } from './errors.ts'
import { everydaySettings, openPool, type PoolOptions } from './pool.ts'
import { createTurns } from './turns.ts'

/** Errors: AppError, as errors.ts maps them; `internal` for what the tenant role may not do: trying again would not help. */
export interface TenantClient {
  /**
   * Runs one statement that sees and changes the rows of this tenant only. When it resolves, the transaction has committed. One
   * tenant has a third of the connections at most, however many statements it has; `database.unavailable` after ten seconds
   * without one.
   */
  runAs(tenantId: TenantId, text: string, values?: readonly unknown[]): Promise<readonly Row[]>
  /** Runs one statement without a tenant: it sees no tenant's rows. */
  runAsNobody(text: string, values?: readonly unknown[]): Promise<readonly Row[]>
  /** Tolerates twice. */
  close(): Promise<void>
}

const insufficientPrivilege = '42501'
const maxWaitMs = 10_000

/** `url` logs in as the tenant role. */
export function createTenantClient(options: PoolOptions): TenantClient {
  // Pipelined: the four statements of a transaction are sent together and cost one round trip.
  const pool = openPool(options, { ...everydaySettings(options, 'tenantry-requests'), pipeline: true })
  const turns = createTurns({
    places: options.poolSize,
    placesOfOne: Math.max(1, Math.floor(options.poolSize / 3)),
    // What waits is in memory anyway: requests that have been let in.
    maxWaiting: Number.POSITIVE_INFINITY,
    maxWaitMs,
    doing: 'requests are using the connections',
  })
  let closed: Promise<void> | undefined

  async function lend<T>(work: (connection: pg.PoolClient) => Promise<T>): Promise<T> {
    const connection = await pool.connect().catch((error: unknown) => {
      throw toDatabaseError(error)
    })
    let intact = true
    try {
      return await work(connection)
    } catch (error) {
      intact = isConnectionIntact(error)
      throw toRequestError(error)
    } finally {
      connection.release(!intact)
    }
  }

  return {
    runAs: (tenantId, text, values) => turns(() => lend((connection) => runInTransaction(connection, tenantId, text, values)), tenantId),
    runAsNobody: (text, values) => lend(async (connection) => (await connection.query<Row>(text, values as unknown[])).rows),
    close: () => {
      closed ??= pool.end()
      return closed
    },
  }
}

function toRequestError(error: unknown): AppError {
  if (readSqlState(error) !== insufficientPrivilege) return toDatabaseError(error)
  return new AppError('internal', 'a request asked for what its role may not do', { cause: toDatabaseError(error) })
}

// Nothing waits for the one before: after a failure the server skips the rest up to COMMIT, which then rolls back. Should BEGIN
// itself fail, no tenant is set for what follows, and it finds nothing.
async function runInTransaction(connection: pg.PoolClient, tenantId: TenantId, text: string, values: readonly unknown[] = []) {
  const answers = await Promise.allSettled([
    connection.query('begin'),
    connection.query("select set_config('tenantry.tenant_id', $1, true)", [tenantId]),
    connection.query<Row>(text, values as unknown[]),
    connection.query('commit'),
  ])
  const failure = answers.find((answer) => answer.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  const [, , statement, commit] = answers
  if (statement.status === 'rejected' || commit.status === 'rejected') throw new Error('the transaction failed')
  // A transaction that failed answers COMMIT with success and the tag ROLLBACK.
  if (commit.value.command !== 'COMMIT') throw new Error('the transaction was rolled back at commit')
  return statement.value.rows
}
