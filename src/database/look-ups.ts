/** Whose credentials are these? Whoever asks is not known yet, so there may be any number of them. */
import type { AuthStore } from '../core/ports/auth-store.ts'
import type { ApiKeyStore, SessionStore, UserStore } from '../core/ports/identity-store.ts'
import type { Turns } from './turns.ts'

export interface CredentialStores {
  readonly auth: AuthStore
  readonly users: UserStore
  readonly sessions: SessionStore
  readonly apiKeys: ApiKeyStore
}

/** The same stores; what strangers can make them do takes its turn. */
export const limitLookUps = ({ auth, users, sessions, apiKeys }: CredentialStores, lookUp: Turns): CredentialStores => ({
  auth: { ...auth, findAdmin: (username) => lookUp(() => auth.findAdmin(username)) },
  users: { ...users, findForLogin: (tenantId, username) => lookUp(() => users.findForLogin(tenantId, username)) },
  sessions: {
    ...sessions,
    state: (id) => lookUp(() => sessions.state(id)),
    rotate: (...given) => lookUp(() => sessions.rotate(...given)),
  },
  apiKeys: { ...apiKeys, findByHash: (hash) => lookUp(() => apiKeys.findByHash(hash)) },
})
