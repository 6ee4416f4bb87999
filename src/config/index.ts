/** The configuration: the only door to this folder. */
export { loadConfig } from './load.ts'
export { redactConfig, redactUrl } from './redact.ts'
export type { Config, ConfigOverrides } from './schema.ts'
