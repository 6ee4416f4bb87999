/** Turns a request's credentials into a principal, remembering for a few seconds what it has verified. */
import type { Principal } from './principal.ts'
import type { Tokens, VerifiedToken } from './tokens.ts'

/** The headers that carry credentials. */
export interface Credentials {
  readonly authorization?: string | undefined
}

/** undefined without valid credentials. Errors: `database.unavailable`. */
export type Authenticate = (credentials: Credentials) => Promise<Principal | undefined>

/** How long a verified token is believed without looking again: the longest that a revocation goes unnoticed. */
const believeMs = 5_000
const maxRemembered = 10_000
// One spelling only: each would be remembered apart.
const bearer = /^Bearer ([^ ]+)$/i

export function createAuthenticate(tokens: Pick<Tokens, 'verify'>, now: () => number = Date.now): Authenticate {
  const remembered = new Map<string, VerifiedToken>()

  return async ({ authorization }) => {
    if (authorization === undefined) return undefined
    const known = remembered.get(authorization)
    if (known && now() < known.expiresAtMs) return known.principal
    if (known) remembered.delete(authorization)

    const token = bearer.exec(authorization)?.[1]
    const verified = token === undefined ? undefined : await tokens.verify(token)
    if (!verified) return undefined
    // Insertion order is age: the first key is the oldest.
    if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value ?? '')
    remembered.set(authorization, { ...verified, expiresAtMs: Math.min(verified.expiresAtMs, now() + believeMs) })
    return verified.principal
  }
}
