/** The embedded database: a real PostgreSQL started and stopped by this process, with its data under the data directory. */

export { type DataDirLock, lockDataDir } from './lock.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'
