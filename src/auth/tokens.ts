/** Issues and verifies the access tokens of the API: JWTs signed with HS256. */
import jsonwebtoken from 'jsonwebtoken'
import { readSubject, type TokenSubject, toClaims } from './claims.ts'
import type { TokenKey } from './installation-keys.ts'
import { createJwtVerifier } from './jwt-verifier.ts'
import type { AdminPrincipal, TenantUserPrincipal } from './principal.ts'

const algorithm = 'HS256'
const issuer = 'tenantry'
const audience = 'tenantry'

export interface VerifiedToken {
  readonly subject: TokenSubject
  readonly expiresAtMs: number
}

export interface Tokens {
  issue(person: (AdminPrincipal | TenantUserPrincipal) & { readonly sessionId: string }): {
    readonly token: string
    readonly expiresInSeconds: number
  }
  /** undefined for anything that is not a valid token of ours. Whether its session lives is another question. */
  verify(token: string): Promise<VerifiedToken | undefined>
}

/** Signs with the first key, verifies with any. */
export function createTokens({ keys, lifetimeSeconds }: { readonly keys: readonly TokenKey[]; readonly lifetimeSeconds: number }): Tokens {
  const [current] = keys
  if (!current) throw new RangeError('tokens need a key')
  const byKid = new Map(keys.map(({ kid, key }) => [kid, key]))
  const verify = createJwtVerifier({
    algorithms: [algorithm],
    issuer,
    audience,
    toleranceSeconds: 0,
    findKey: async ({ kid }) => byKid.get(kid),
  })

  return {
    issue(person) {
      const options = { algorithm, issuer, audience, keyid: current.kid, expiresIn: lifetimeSeconds } as const
      return { token: jsonwebtoken.sign(toClaims(person), current.key, options), expiresInSeconds: lifetimeSeconds }
    },

    async verify(token) {
      const verified = await verify(token)
      const subject = verified && readSubject(verified.claims)
      return subject && { subject, expiresAtMs: verified.expiresAtMs }
    },
  }
}
