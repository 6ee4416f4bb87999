/** Credentials of tenants' handlers, encrypted at rest. The only door of this folder. */
export { createSealer } from './sealer.ts'
export { createSecretReader } from './secret-reader.ts'
export { createTenantSecrets, type SealedTenantSecrets } from './tenant-secrets.ts'
