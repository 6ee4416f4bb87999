/** What every connection to PostgreSQL is opened with. */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { AppError } from '../core/errors.ts'
import { typeParsers } from './type-parsers.ts'

export interface ConnectionTarget {
  readonly url: string
  /** Where the tables are; first and only in the search path. */
  readonly schema: string
}

const connectTimeoutMs = 10_000
const keepAliveDelayMs = 10_000
const idleInTransactionTimeoutMs = 30_000
const schemaPattern = /^[a-z_][a-z0-9_]{0,62}$/

/**
 * The settings of one connection, without its timeouts for statements.
 *
 * Plans are made anew for each statement: a generic plan of a partitioned table locks every partition.
 * Errors: `config.invalid`. The text never contains the URL, which may have a password in it.
 */
export function connectionSettings(target: ConnectionTarget, applicationName: string): pg.ClientConfig {
  if (!schemaPattern.test(target.schema)) {
    throw new AppError('config.invalid', 'the database schema must be lower case letters, digits and underscores')
  }
  const { connectionString, options } = takeOptions(target.url)
  return {
    connectionString,
    application_name: applicationName,
    options: `${options} -c search_path=${target.schema} -c plan_cache_mode=force_custom_plan`.trim(),
    connectionTimeoutMillis: connectTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelayMs,
    types: typeParsers,
  }
}

/** A short text that is the same for the same schema only: it keeps installations in one database apart. */
export function schemaFingerprint(schema: string): string {
  return createHash('sha256').update(schema).digest('hex').slice(0, 12)
}

// What pg finds in the URL wins over the settings beside it, so the URL's `options` are taken out and put before ours.
function takeOptions(url: string): { connectionString: string; options: string } {
  if (!URL.canParse(url)) throw new AppError('config.invalid', 'the database URL cannot be read')
  const parsed = new URL(url)
  const options = parsed.searchParams.get('options')
  if (options === null) return { connectionString: url, options: '' }
  parsed.searchParams.delete('options')
  return { connectionString: parsed.href, options }
}
