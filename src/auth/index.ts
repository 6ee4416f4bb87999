/** The door of authentication and authorization. */
export { type Action, accessTable, actions, may, maySeePayload } from './access.ts'
export { bootstrapAdmin } from './bootstrap.ts'
export { createIdentity } from './create-identity.ts'
export type { Client, Granted, Identity } from './identity.ts'
export { deriveKeys, type InstallationKeys } from './installation-keys.ts'
export { nameOf, type Principal } from './principal.ts'
