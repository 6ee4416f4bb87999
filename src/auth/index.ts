/** The door of authentication and authorization. */
export { type Action, actions, may } from './access.ts'
export { type Authenticate, createAuthenticate } from './authenticate.ts'
export { bootstrapAdmin } from './bootstrap.ts'
export { createLogin, type Login } from './login.ts'
export type { Principal, TenantRole } from './principal.ts'
export { createSigningKeys } from './signing-keys.ts'
export { createTokens } from './tokens.ts'
