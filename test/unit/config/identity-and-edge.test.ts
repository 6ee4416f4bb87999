import { expect } from 'chai'
import { type Config, type ConfigOverrides, loadConfig } from '../../../src/config/index.ts'

const load = (env: Record<string, string>, overrides: ConfigOverrides = {}): Config => loadConfig({ env, file: 'config.yml', overrides })
const oidc = { TENANTRY_AUTH_OIDC_ISSUER: 'https://login.example.com/pool', TENANTRY_AUTH_OIDC_AUDIENCE: 'tenantry' }
const secret = 'a'.repeat(32)

describe('the configuration of identity and edge', () => {
  it('is guarded by default: no secret, no proxy, no other origin, no provider, registration by invitation', () => {
    const { auth, http, ...config } = load({})
    expect(config).to.include({ secret: undefined, secretPrevious: undefined, payloadVisibility: 'all' })
    expect(http).to.deep.equal({
      bodyLimitBytes: 1_048_576,
      maxHeaderBytes: 16_384,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 60_000,
      trustProxy: 0,
      corsOrigins: [],
      rateLimits: { managementPerSecond: 100, chatPerSecond: 50, store: 'auto' },
    })
    expect(auth).to.deep.equal({
      tokenTtlSeconds: 900,
      sessionTtlSeconds: 2_592_000,
      registration: 'invite',
      loginFailuresPerMinute: 10,
      oidc: {
        issuer: undefined,
        audience: undefined,
        audienceClaim: 'aud',
        jwksUrl: undefined,
        tenantClaim: 'tenant_id',
        roleClaim: 'role',
        usernameClaim: 'sub',
        roles: [],
      },
    })
  })

  it('takes lists from the environment, separated by commas', () => {
    const { auth, http } = load({
      ...oidc,
      TENANTRY_AUTH_OIDC_ROLES: 'platform team=admin, https://x/staff=viewer',
      TENANTRY_HTTP_CORS_ORIGINS: 'https://console.example.com, http://localhost:5173',
      TENANTRY_HTTP_TRUST_PROXY: '10.0.0.0/8, ::1',
    })
    expect(auth.oidc.roles).to.deep.equal(['platform team=admin', 'https://x/staff=viewer'])
    expect(http.corsOrigins).to.deep.equal(['https://console.example.com', 'http://localhost:5173'])
    expect(http.trustProxy).to.deep.equal(['10.0.0.0/8', '::1'])
  })

  it('takes a number of proxies, from the environment and from a program', () => {
    expect(load({ TENANTRY_HTTP_TRUST_PROXY: '2' }).http.trustProxy).to.equal(2)
    expect(load({}, { http: { trustProxy: ['127.0.0.1'] } }).http.trustProxy).to.deep.equal(['127.0.0.1'])
  })

  it('takes a local issuer without TLS', () => {
    expect(load({ ...oidc, TENANTRY_AUTH_OIDC_ISSUER: 'http://127.0.0.1:9000/' }).auth.oidc.issuer).to.equal('http://127.0.0.1:9000/')
  })

  const bad: readonly (readonly [env: Record<string, string>, message: string])[] = [
    [
      { TENANTRY_SECRET: 'a'.repeat(31) },
      'secret (TENANTRY_SECRET in the environment) is (hidden, string); it accepts a text (in quotes) of 32',
    ],
    [{ TENANTRY_SECRET: secret, TENANTRY_SECRET_PREVIOUS: secret }, 'secret_previous is the same as secret'],
    [{ DATABASE_TENANT_URL: 'postgres://t@db/x' }, 'database.tenant_url needs database.url'],
    [{ DATABASE_URL: 'postgres://db/x', DATABASE_TENANT_URL: 'mysql://t@db/x' }, 'database.tenant_url (DATABASE_TENANT_URL in the'],
    [{ TENANTRY_AUTH_REGISTRATION: 'yes' }, 'it accepts one of invite, open, closed'],
    [{ TENANTRY_PAYLOAD_VISIBILITY: 'admins' }, 'it accepts one of all, tenant, owner, none'],
    [{ TENANTRY_AUTH_OIDC_ISSUER: 'https://login.example.com' }, 'auth.oidc.issuer needs auth.oidc.audience'],
    [{ TENANTRY_AUTH_OIDC_AUDIENCE: 'tenantry' }, 'auth.oidc.issuer is not set'],
    [{ TENANTRY_AUTH_OIDC_JWKS_URL: 'https://login.example.com/keys' }, 'auth.oidc.issuer is not set'],
    [{ ...oidc, TENANTRY_AUTH_OIDC_ISSUER: 'http://login.example.com' }, 'it accepts a URL such as https://'],
    [{ ...oidc, TENANTRY_AUTH_OIDC_ISSUER: 'http://localhost.example.com' }, 'it accepts a URL such as https://'],
    [{ ...oidc, TENANTRY_AUTH_OIDC_ISSUER: 'login.example.com' }, 'it accepts a URL such as https://'],
    [{ ...oidc, TENANTRY_AUTH_OIDC_ROLES: 'team=root' }, 'it accepts a list of value=role'],
    [{ ...oidc, TENANTRY_AUTH_OIDC_ROLES: 'admin' }, 'it accepts a list of value=role'],
    [
      { TENANTRY_HTTP_TRUST_PROXY: 'true' },
      'http.trust_proxy (TENANTRY_HTTP_TRUST_PROXY in the environment) is ["true"]; it accepts a number',
    ],
    [{ TENANTRY_HTTP_TRUST_PROXY: '11' }, 'it accepts a number of proxies from 0 to 10'],
    [{ TENANTRY_HTTP_TRUST_PROXY: '0.0.0.0/0' }, 'it accepts a number of proxies'],
    [{ TENANTRY_HTTP_TRUST_PROXY: '10.0.0.0/33' }, 'it accepts a number of proxies'],
    [{ TENANTRY_HTTP_CORS_ORIGINS: '*' }, 'it accepts a list of origins'],
    [{ TENANTRY_HTTP_CORS_ORIGINS: 'https://console.example.com/' }, 'without a path or a slash at the end'],
    [{ TENANTRY_HTTP_CORS_ORIGINS: 'null' }, 'it accepts a list of origins'],
    [{ TENANTRY_HTTP_RATE_LIMITS_MANAGEMENT_PER_SECOND: '-1' }, 'http.rate_limits.management_per_second'],
    [{ TENANTRY_HTTP_RATE_LIMITS_STORE: 'redis' }, 'it accepts one of auto, memory, postgres'],
    [{ TENANTRY_HTTP_HEADERS_TIMEOUT_MS: '60001' }, 'longer than http.request_timeout_ms (60000)'],
  ]
  for (const [env, message] of bad) {
    it(`stops at ${JSON.stringify(env)}`, () => expect(() => load(env)).to.throw(message))
  }
})
