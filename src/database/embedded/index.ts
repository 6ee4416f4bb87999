/** The embedded database: a real PostgreSQL started and stopped by this process, with its data under the data directory. */

export { copyCluster } from './backup.ts'
export { embeddedPostgresMajor } from './binaries.ts'
export { type DataDirLock, lockDataDir } from './lock.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'
