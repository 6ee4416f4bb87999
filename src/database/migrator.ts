/** Brings the tables to the version that this program needs, and back. */
import { promises as fs } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, type MigrationResultSet, Migrator } from 'kysely/migration'
import pg from 'pg'
import { toError } from '../core/errors.ts'
import { type ConnectionTarget, connectionSettings } from './connection-settings.ts'
import { readSqlState, toDatabaseError } from './errors.ts'

export interface MigrationState {
  readonly name: string
  /** undefined when it has not been run. */
  readonly executedAt: Date | undefined
}

const migrationTable = 'tenantry_migrations'
const migrationLockTable = 'tenantry_migrations_lock'
const folder = fileURLToPath(new URL('../../migrations/', import.meta.url))
const undefinedTable = '42P01'

/**
 * Runs every migration that has not been run, all or none. Several nodes may do this at once: one works, the others wait.
 * Makes the schema when it is missing. Returns the names of those it ran, in order.
 *
 * Errors: AppError as toDatabaseError maps them, or the migration's own error.
 */
export async function migrateUp(target: ConnectionTarget): Promise<readonly string[]> {
  // Kysely looks at every table of the database before it finds that there is nothing to do; with thousands of partitions that takes long.
  if ((await migrationStatus(target)).every((migration) => migration.executedAt !== undefined)) return []
  return withMigrator(target, (migrator) => migrator.migrateToLatest())
}

/** Takes the newest migration back. Returns its name, or nothing when none is left. Errors: as migrateUp. */
export async function migrateDown(target: ConnectionTarget): Promise<readonly string[]> {
  return withMigrator(target, (migrator) => migrator.migrateDown())
}

/** Every migration of this program, in order, and when it was run on this database. Errors: as migrateUp. */
export async function migrationStatus(target: ConnectionTarget): Promise<readonly MigrationState[]> {
  const names = Object.keys(await createProvider().getMigrations()).sort()
  const executed = await readExecuted(target)
  return names.map((name) => ({ name, executedAt: executed.get(name) }))
}

async function readExecuted(target: ConnectionTarget): Promise<ReadonlyMap<string, Date>> {
  const client = new pg.Client(connectionSettings(target, 'tenantry-migrations'))
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string; timestamp: string }>(`select name, timestamp from ${migrationTable}`)
    return new Map(rows.map((row) => [row.name, new Date(row.timestamp)]))
  } catch (error) {
    if (readSqlState(error) === undefinedTable) return new Map()
    throw toDatabaseError(error)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function withMigrator(
  target: ConnectionTarget,
  work: (migrator: Migrator) => Promise<MigrationResultSet>,
): Promise<readonly string[]> {
  // One connection, without the limits that everyday statements have.
  const pool = new pg.Pool({ ...connectionSettings(target, 'tenantry-migrations'), idle_in_transaction_session_timeout: 0, max: 1 })
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    const migrator = new Migrator({
      db,
      provider: createProvider(),
      migrationTableName: migrationTable,
      migrationLockTableName: migrationLockTable,
      migrationTableSchema: target.schema,
    })
    const { error, results } = await work(migrator)
    if (error !== undefined) throw readSqlState(error) === undefined ? toError(error) : toDatabaseError(error)
    return (results ?? []).filter((result) => result.status === 'Success').map((result) => result.migrationName)
  } finally {
    await db.destroy()
  }
}

const createProvider = () =>
  new FileMigrationProvider({ fs, path, migrationFolder: folder, import: (file) => import(pathToFileURL(file).href) })
