/** Issues and verifies the tokens of the API: JWTs signed with HS256. */
import jsonwebtoken from 'jsonwebtoken'
import passport from 'passport'
import passportJwt from 'passport-jwt'
import { AppError, toError } from '../core/errors.ts'
import { readPrincipal, toClaims } from './claims.ts'
import type { Principal } from './principal.ts'
import type { SigningKeys } from './signing-keys.ts'

const algorithm = 'HS256'
const issuer = 'tenantry'
const audience = 'tenantry'
/** Longer than any token we issue; a longer text is refused unread. */
const maxTokenLength = 4096

export interface VerifiedToken {
  readonly principal: Principal
  readonly expiresAtMs: number
}

export interface Tokens {
  issue(principal: Principal): Promise<{ readonly token: string; readonly expiresInSeconds: number }>
  /** undefined for anything that is not a valid token of ours. Errors: `database.unavailable` when the keys cannot be read. */
  verify(token: string): Promise<VerifiedToken | undefined>
}

export function createTokens({ keys, lifetimeSeconds }: { keys: SigningKeys; lifetimeSeconds: number }): Tokens {
  const authenticator = new passport.Passport()
  authenticator.use(createStrategy(keys))

  return {
    async issue(principal) {
      const key = await keys.current()
      const options = { algorithm, issuer, audience, keyid: key.kid, expiresIn: lifetimeSeconds } as const
      return { token: jsonwebtoken.sign(toClaims(principal), key.secret, options), expiresInSeconds: lifetimeSeconds }
    },

    verify: (token) =>
      new Promise((resolve, reject) => {
        if (token.length > maxTokenLength) return resolve(undefined)
        const answer = (error: unknown, verified: VerifiedToken | false | undefined, reason: unknown) => {
          if (error) return reject(toError(error))
          // The strategy reports a key store that is away as a failed login; it is not one.
          if (reason instanceof AppError) return reject(reason)
          resolve(verified || undefined)
        }
        const request = { headers: { authorization: `Bearer ${token}` } }
        authenticator.authenticate('jwt', { session: false }, answer)(request, undefined, reject)
      }),
  }
}

function createStrategy(keys: SigningKeys) {
  return new passportJwt.Strategy(
    {
      jwtFromRequest: passportJwt.ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: (_request: unknown, token: string, done: (error: unknown, secret?: Buffer) => void) => {
        const kid = readKid(token)
        if (kid === undefined) return done(new Error('the token names no key'))
        keys.find(kid).then(
          (key) => (key ? done(null, key.secret) : done(new Error('the token names an unknown key'))),
          (error) => done(error),
        )
      },
      // Pinned here and nowhere else: passport-jwt overwrites `jsonWebTokenOptions.algorithms` with this one.
      algorithms: [algorithm],
      issuer,
      audience,
    },
    (claims: unknown, done: (error: unknown, verified: VerifiedToken | false) => void) => done(null, readVerified(claims) ?? false),
  )
}

function readVerified(claims: unknown): VerifiedToken | undefined {
  const principal = readPrincipal(claims)
  const exp = (claims as { exp?: unknown }).exp
  return principal && typeof exp === 'number' ? { principal, expiresAtMs: exp * 1000 } : undefined
}

function readKid(token: string): string | undefined {
  try {
    const kid = jsonwebtoken.decode(token, { complete: true })?.header.kid
    return typeof kid === 'string' ? kid : undefined
  } catch {
    return undefined
  }
}
