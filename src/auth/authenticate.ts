/** Turns a request's credentials into a principal. */
import type { ApiKeyStore, IdentityHints, SessionState, SessionStore } from '../core/ports/identity-store.ts'
import type { TokenSubject } from './claims.ts'
import type { Identity } from './identity.ts'
import { maxTokenLength, readIssuer } from './jwt-verifier.ts'
import type { Oidc } from './oidc.ts'
import { hashToken, isApiKey } from './opaque-tokens.ts'
import type { Principal } from './principal.ts'
import { createPrincipalMemory, type VerifiedPrincipal } from './principal-memory.ts'
import { toPrincipal } from './sessions.ts'
import type { Tokens } from './tokens.ts'
import { createUseNotes } from './use-notes.ts'

export interface AuthenticateOptions {
  readonly tokens: Pick<Tokens, 'verify'>
  readonly sessions: Pick<SessionStore, 'state'>
  readonly apiKeys: Pick<ApiKeyStore, 'findByHash' | 'touch'>
  /** undefined when tokens of other issuers are not accepted. */
  readonly oidc: Oidc | undefined
  readonly hints: Pick<IdentityHints, 'subscribe'>
  readonly now: () => number
}

const noExpiryMs = Number.POSITIVE_INFINITY

export function createAuthenticate(options: AuthenticateOptions): Identity['authenticate'] {
  const { tokens, sessions, apiKeys, oidc, hints, now } = options
  const notes = createUseNotes((id) => apiKeys.touch(id), now)
  const bearers = createPrincipalMemory(verifyBearer, now)
  const keys = createPrincipalMemory(verifyApiKey, now)
  hints.subscribe((change) => {
    bearers.forget(change)
    keys.forget(change)
  })

  async function verifyBearer(token: string): Promise<VerifiedPrincipal | undefined> {
    if (oidc && readIssuer(token) === oidc.issuer) return oidc.verify(token)
    const verified = await tokens.verify(token)
    const session = verified && (await sessions.state(verified.subject.sessionId))
    if (!session || !isOf(session, verified.subject)) return undefined
    return { principal: toPrincipal(session), expiresAtMs: Math.min(verified.expiresAtMs, session.expiresAt.getTime()) }
  }

  async function verifyApiKey(text: string): Promise<VerifiedPrincipal | undefined> {
    const key = await apiKeys.findByHash(hashToken(text))
    if (!key) return undefined
    notes.used(key.id)
    const { id, name, tenantId, scopes } = key
    return { principal: { kind: 'api_key', id, name, tenantId, scopes }, expiresAtMs: key.expiresAt?.getTime() ?? noExpiryMs }
  }

  return async ({ authorization, apiKey }): Promise<Principal | undefined> => {
    if (authorization !== undefined) {
      const token = readBearer(authorization)
      return token === undefined ? undefined : bearers.recall(token)
    }
    return apiKey !== undefined && isApiKey(apiKey) ? keys.recall(apiKey) : undefined
  }
}

/** One spelling of each token only: each would be remembered apart. */
function readBearer(authorization: string): string | undefined {
  if (authorization.length > maxTokenLength || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return undefined
  const token = authorization.slice(7)
  return token === '' || /\s/.test(token) ? undefined : token
}

/** A signed token says whose session it is; the row must say the same. */
function isOf({ owner }: SessionState, subject: TokenSubject): boolean {
  if (owner.kind === 'admin') return subject.kind === 'admin' && subject.id === owner.adminId
  return subject.kind === 'tenant_user' && subject.id === owner.userId && subject.tenantId === owner.tenantId
}
