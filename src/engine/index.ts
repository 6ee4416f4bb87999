/** The only door of this folder. */
export { createEngine, type DrainReport, type Engine } from './engine.ts'
export { createTenantExport } from './export-tenant.ts'
export { type ReplayReport, replay } from './inspection/replay.ts'
export { readFlightRecord } from './inspection/replay-file.ts'
