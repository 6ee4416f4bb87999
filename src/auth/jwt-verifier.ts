/** Verifies JWTs with passport-jwt: algorithms, issuer and audience pinned, an expiry required. */
import jsonwebtoken from 'jsonwebtoken'
import passport from 'passport'
import passportJwt from 'passport-jwt'
import { AppError, toError } from '../core/errors.ts'

export interface TokenHeader {
  readonly kid: string
  readonly alg: string
}

export interface VerifiedClaims {
  readonly claims: Readonly<Record<string, unknown>>
  readonly expiresAtMs: number
}

/** undefined for a token that is not valid. Errors: the AppErrors of `findKey`. */
export type VerifyJwt = (token: string) => Promise<VerifiedClaims | undefined>

export interface JwtVerifierOptions {
  readonly algorithms: readonly jsonwebtoken.Algorithm[]
  readonly issuer: string
  /** undefined when the audience is not in `aud`: the caller checks it. */
  readonly audience: string | undefined
  /** How far the issuer's clock may be from ours. */
  readonly toleranceSeconds: number
  /** A secret or a public key as PEM; undefined for a header that names no key of the issuer. */
  readonly findKey: (header: TokenHeader) => Promise<Buffer | string | undefined>
}

/** Longer than the longest token that fits a request's headers beside others; a longer text is refused unread. */
export const maxTokenLength = 8192

type Done = (error: unknown, verified?: VerifiedClaims | false) => void

export function createJwtVerifier({ algorithms, issuer, audience, toleranceSeconds, findKey }: JwtVerifierOptions): VerifyJwt {
  const strategy = new passportJwt.Strategy(
    {
      jwtFromRequest: passportJwt.ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: (_request: unknown, token: string, done: (error: unknown, key?: Buffer | string) => void) => {
        const header = readHeader(token)
        if (!header) return done(new Error('the token names no key'))
        findKey(header)
          .then(
            (key) => (key === undefined ? done(new Error('the token names an unknown key')) : done(null, key)),
            (error) => done(error),
          )
          // jsonwebtoken throws on some signed claims that are no object, where nobody else could catch it.
          .catch(() => done(new Error('the token cannot be read')))
      },
      // Pinned here and nowhere else: passport-jwt overwrites these three in `jsonWebTokenOptions`.
      algorithms: [...algorithms],
      issuer,
      ...(audience === undefined ? {} : { audience }),
      jsonWebTokenOptions: { clockTolerance: toleranceSeconds },
    },
    (claims: unknown, done: Done) => done(null, readVerified(claims) ?? false),
  )
  const authenticator = new passport.Passport()
  authenticator.use(strategy)

  return (token) =>
    new Promise((resolve, reject) => {
      if (token.length > maxTokenLength) return resolve(undefined)
      const answer = (error: unknown, verified: VerifiedClaims | false | undefined, reason: unknown) => {
        if (error) return reject(toError(error))
        // The strategy reports keys that cannot be read as a failed login; it is not one.
        if (reason instanceof AppError) return reject(reason)
        resolve(verified || undefined)
      }
      const request = { headers: { authorization: `Bearer ${token}` } }
      authenticator.authenticate('jwt', { session: false }, answer)(request, undefined, reject)
    })
}

/** Who claims to have issued the token: nobody has checked it yet. */
export function readIssuer(token: string): string | undefined {
  try {
    const claims = jsonwebtoken.decode(token)
    return claims !== null && typeof claims === 'object' && typeof claims.iss === 'string' ? claims.iss : undefined
  } catch {
    return undefined
  }
}

function readHeader(token: string): TokenHeader | undefined {
  try {
    const { kid, alg, crit }: Readonly<Record<string, unknown>> = { ...jsonwebtoken.decode(token, { complete: true })?.header }
    // What a critical extension asks for we do not know, so the token is not ours to accept (RFC 7515, 4.1.11).
    if (crit !== undefined) return undefined
    return typeof kid === 'string' && kid !== '' && typeof alg === 'string' ? { kid, alg } : undefined
  } catch {
    return undefined
  }
}

function readVerified(claims: unknown): VerifiedClaims | undefined {
  if (typeof claims !== 'object' || claims === null) return undefined
  const exp = 'exp' in claims ? claims.exp : undefined
  return typeof exp === 'number' ? { claims: { ...claims }, expiresAtMs: exp * 1000 } : undefined
}
