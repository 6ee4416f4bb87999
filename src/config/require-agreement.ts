/** What no key can be checked for alone: keys that need or contradict each other. */
import { configError } from './candidate.ts'
import type { Config } from './schema.ts'

/** Errors: `config.invalid`, which names both keys. */
export function requireAgreement({ auth: { oidc }, database, http, secret, secretPrevious }: Config): void {
  if (http.headersTimeoutMs > http.requestTimeoutMs) {
    throw configError(
      `http.headers_timeout_ms is ${http.headersTimeoutMs}, longer than http.request_timeout_ms (${http.requestTimeoutMs}), which includes it`,
    )
  }
  if (secret !== undefined && secret === secretPrevious) {
    throw configError('secret_previous is the same as secret; it is the other one of the two during a rotation')
  }
  if (database.tenantUrl !== undefined && database.url === undefined) {
    throw configError('database.tenant_url needs database.url: the embedded server makes its tenant role itself')
  }
  if (oidc.issuer !== undefined && oidc.audience === undefined) {
    throw configError('auth.oidc.issuer needs auth.oidc.audience: without it, tokens that were made for any other service would do here')
  }
  if (oidc.issuer === undefined && (oidc.audience ?? oidc.jwksUrl) !== undefined) {
    throw configError('auth.oidc needs an issuer; auth.oidc.issuer is not set')
  }
}
