/** How a pool of connections is opened. */
import pg from 'pg'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'

export interface PoolOptions extends ConnectionTarget {
  readonly poolSize: number
  readonly statementTimeoutMs: number
  /** Hears of connections lost in the background. Must not throw. */
  readonly onError: (error: Error) => void
}

const maxLifetimeSeconds = 1_800
/** How much longer than the server the client waits before it gives a connection up as dead. */
const answerGraceMs = 5_000

/** The settings of a pool for everyday statements. Errors: as connectionSettings. */
export function everydaySettings(options: PoolOptions, applicationName: string): pg.PoolConfig {
  return {
    ...connectionSettings(options, applicationName),
    max: options.poolSize,
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: Math.ceil(options.statementTimeoutMs / 2),
    query_timeout: options.statementTimeoutMs + answerGraceMs,
  }
}

export function openPool({ onError }: Pick<PoolOptions, 'onError'>, config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ ...config, maxLifetimeSeconds })
  pool.on('error', onError)
  // A connection that breaks while it is lent out says so by an event as well; unheard, it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}
