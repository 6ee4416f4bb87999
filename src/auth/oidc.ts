/** Accepts the tokens of one identity provider (OpenID Connect): AWS Cognito, Keycloak, Auth0, Entra … */
import { AppError } from '../core/errors.ts'
import type { TenantId } from '../core/ids.ts'
import { createIssuerKeys } from './issuer-keys.ts'
import { createJwtVerifier } from './jwt-verifier.ts'
import { createReadPrincipal, type OidcMapping } from './oidc-claims.ts'
import type { VerifiedPrincipal } from './principal-memory.ts'

export interface OidcSettings extends OidcMapping {
  /** Exactly as in the tokens' `iss`. undefined: no tokens but our own are accepted. */
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Which claim names the audience: access tokens of AWS Cognito have `client_id` and no `aud`. */
  readonly audienceClaim: 'aud' | 'client_id'
  /** undefined: the issuer's discovery document says it. */
  readonly jwksUrl: string | undefined
}

export interface Oidc {
  readonly issuer: string
  /** undefined without a valid token of a living tenant or an admin. Errors: `auth.issuer_unavailable`, `database.unavailable`. */
  verify(token: string): Promise<VerifiedPrincipal | undefined>
}

export interface OidcOptions {
  readonly settings: OidcSettings
  readonly tenantExists: (tenantId: TenantId) => Promise<boolean>
  readonly now: () => number
}

/** Public keys only: with a shared secret, whoever may verify could sign. */
const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'PS256'] as const

/** Another machine's clock. */
const toleranceSeconds = 5

/** undefined when no issuer is set. Errors: AppError `config.invalid` for an issuer without an audience. */
export function createOidc({ settings, tenantExists, now }: OidcOptions): Oidc | undefined {
  const { issuer, audience, audienceClaim, jwksUrl } = settings
  if (issuer === undefined) return undefined
  if (audience === undefined) {
    throw new AppError(
      'config.invalid',
      'auth.oidc.audience is not set: without it the issuer’s tokens for other services would be accepted',
    )
  }
  const inAud = audienceClaim === 'aud'
  const verifyJwt = createJwtVerifier({
    algorithms,
    issuer,
    audience: inAud ? audience : undefined,
    toleranceSeconds,
    findKey: createIssuerKeys({ issuer, jwksUrl, now }),
  })
  const readPrincipal = createReadPrincipal(settings)

  return {
    issuer,
    async verify(token) {
      const verified = await verifyJwt(token)
      if (!verified || (!inAud && verified.claims[audienceClaim] !== audience)) return undefined
      const principal = readPrincipal(verified.claims)
      if (!principal || (principal.kind === 'tenant_user' && !(await tenantExists(principal.tenantId)))) return undefined
      return { principal, expiresAtMs: verified.expiresAtMs }
    },
  }
}
