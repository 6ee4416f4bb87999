/** Finds the public keys of an identity provider by its JWKS. */
import jwksRsa from 'jwks-rsa'
import { AppError } from '../core/errors.ts'
import { createCachedLoad } from './cached-load.ts'
import { fetchJson, issuerUnavailable } from './fetch-json.ts'
import type { TokenHeader } from './jwt-verifier.ts'

export interface IssuerKeysOptions {
  readonly issuer: string
  /** undefined: the issuer's discovery document says it. */
  readonly jwksUrl: string | undefined
  readonly now: () => number
}

const keepDiscoveryMs = 600_000
/** Tokens that name unknown keys make the issuer be asked at most this often; a new key of its is known this soon. */
const askAgainMs = 5_000
const keepKeyMs = 600_000
/** While the issuer is away, known keys are believed this much longer. */
const keepKeyBlindlyMs = 1_800_000
const maxKeys = 100
const maxKidLength = 500

/**
 * The key as PEM, or undefined when the issuer has none of this id and algorithm.
 *
 * Errors: AppError `auth.issuer_unavailable`.
 */
export function createIssuerKeys({ issuer, jwksUrl, now }: IssuerKeysOptions): (header: TokenHeader) => Promise<string | undefined> {
  const discover = createCachedLoad({ load: () => fetchJwksUrl(issuer), keepMs: keepDiscoveryMs, retryAfterMs: askAgainMs, now })
  const keySet = createCachedLoad({
    load: async () => fetchKeySet(jwksUrl ?? (await discover())),
    keepMs: askAgainMs,
    retryAfterMs: askAgainMs,
    now,
  })
  // The library remembers the keys it has found; for those that it has not, it asks `keySet`, which bounds how often.
  const client = jwksRsa({
    fetcher: keySet,
    cache: true,
    cacheMaxEntries: maxKeys,
    cacheMaxAge: keepKeyMs,
    cacheMaxAgeFallback: keepKeyBlindlyMs,
  })

  return async ({ kid, alg }) => {
    if (kid.length > maxKidLength) return undefined
    try {
      const key = await client.getSigningKey(kid)
      // A key that is made for one algorithm verifies no other (RFC 8725, 3.1).
      return key.alg === undefined || key.alg === alg ? key.getPublicKey() : undefined
    } catch (error) {
      if (error instanceof jwksRsa.SigningKeyNotFoundError) return undefined
      throw error instanceof AppError ? error : issuerUnavailable(`the keys of ${issuer} cannot be used`, error)
    }
  }
}

async function fetchJwksUrl(issuer: string): Promise<string> {
  const document = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  const { issuer: named, jwks_uri: url } = asRecord(document)
  if (named !== issuer) throw issuerUnavailable(`the discovery document of ${issuer} is of another issuer`)
  if (typeof url !== 'string' || !URL.canParse(url)) throw issuerUnavailable(`the discovery document of ${issuer} names no jwks_uri`)
  if (new URL(issuer).protocol === 'https:' && new URL(url).protocol !== 'https:') {
    throw issuerUnavailable(`the jwks_uri of ${issuer} is not https`)
  }
  return url
}

async function fetchKeySet(url: string): Promise<{ keys: readonly unknown[] }> {
  const { keys } = asRecord(await fetchJson(url))
  if (!Array.isArray(keys) || keys.length > maxKeys) throw issuerUnavailable(`${url} is not a set of keys`)
  return { keys: keys.filter((key) => typeof key === 'object' && key !== null) }
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
