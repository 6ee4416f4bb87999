import { createHmac, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import jsonwebtoken from 'jsonwebtoken'
import type { OidcSettings } from '../../../src/auth/oidc.ts'
import { AppError } from '../../../src/core/errors.ts'
import { newIssuerKey, startIssuer } from './local-issuer.ts'
import { noOidc, startIdentity } from './start-identity.ts'

type Issuer = Awaited<ReturnType<typeof startIssuer>>

const rsa = newIssuerKey('rsa')
const rotated = newIssuerKey('rotated')
const ec = newIssuerKey('ec', 'ES256')
const pss = newIssuerKey('pss', 'PS256')
const stranger = newIssuerKey('rsa')

describe('a token of an identity provider', () => {
  let issuer: Issuer
  beforeEach(async () => {
    issuer = await startIssuer(rsa, ec, pss)
  })
  afterEach(() => issuer.close())

  const start = async (settings: Partial<OidcSettings> = {}) => {
    const started = await startIdentity({ oidc: toSettings(issuer, settings) })
    const claims = { tenant_id: started.tenantId, role: 'member' }
    return { ...started, claims, sign: (more: object = {}, key = rsa) => issuer.sign(key, { ...claims, ...more }) }
  }
  const failure = (work: Promise<unknown>) =>
    work.then(
      (principal) => principal,
      (error) => error.code,
    )

  it('is accepted with RS256, ES256 and PS256, without a session, beside our own tokens', async () => {
    const { whoIs, sign, tenantId, logInAdmin } = await start()
    const expected = { kind: 'tenant_user', id: 'subject', username: 'subject', tenantId, role: 'member', sessionId: undefined }
    for (const key of [rsa, ec, pss]) expect(await whoIs(sign({}, key)), key.alg).to.deep.equal(expected)
    const own = await logInAdmin()
    expect(await whoIs(own.token)).to.deep.equal(own.principal)
    expect(issuer.state.requests).to.deep.equal(['/.well-known/openid-configuration', '/jwks'])
  })

  it('makes an admin of whom the issuer calls one, as mapped', async () => {
    const { whoIs, sign } = await start({ roles: ['platform-team=admin'], usernameClaim: 'email' })
    const token = sign({ role: ['everybody', 'platform-team'], tenant_id: undefined, email: 'root@example.com' })
    expect(await whoIs(token)).to.deep.equal({ kind: 'admin', id: 'subject', username: 'root@example.com', sessionId: undefined })
    expect(await whoIs(sign({ role: 'admin' })), 'a role that is not mapped').to.equal(undefined)
  })

  it('is accepted in the shape of an access token of AWS Cognito', async () => {
    const { whoIs, tenantId } = await start({
      audience: '1example23456789',
      audienceClaim: 'client_id',
      tenantClaim: 'custom:tenant_id',
      roleClaim: 'cognito:groups',
      usernameClaim: 'username',
      roles: ['tenantry-owners=owner', 'tenantry-viewers=viewer'],
    })
    const cognito = {
      sub: randomUUID(),
      'cognito:groups': ['tenantry-viewers', 'tenantry-owners'],
      'custom:tenant_id': tenantId,
      client_id: '1example23456789',
      token_use: 'access',
      scope: 'openid profile',
      username: 'eve',
      aud: undefined,
    }
    const accessToken = issuer.sign(rsa, cognito)
    expect(await whoIs(accessToken)).to.include({ kind: 'tenant_user', username: 'eve', role: 'owner', tenantId })
    expect(await whoIs(issuer.sign(rsa, { ...cognito, client_id: 'another' }))).to.equal(undefined)
    expect(await whoIs(issuer.sign(rsa, { ...cognito, client_id: undefined, aud: '1example23456789' })), 'an id token').to.equal(undefined)
  })

  it('is accepted with a key that the issuer has just begun to use, and asks the issuer once for it', async () => {
    const { whoIs, sign, clock } = await start()
    await whoIs(sign())
    issuer.publish(rotated)
    clock.nowMs += 5_000
    issuer.state.requests.length = 0
    const answers = await Promise.all(['a', 'b', 'c'].map((sub) => whoIs(sign({ sub }, rotated))))
    expect(answers.map((principal) => principal?.kind)).to.deep.equal(['tenant_user', 'tenant_user', 'tenant_user'])
    expect(issuer.state.requests).to.deep.equal(['/jwks'])
  })

  it('with an unknown key is refused, and a hundred of them ask the issuer once in five seconds', async () => {
    const { whoIs, sign, clock } = await start()
    await whoIs(sign())
    clock.nowMs += 5_000
    issuer.state.requests.length = 0
    for (let index = 0; index < 100; index++) {
      const unknown = { ...ec, kid: `unknown-${index}` }
      expect(await whoIs(sign({ sub: `${index}` }, unknown))).to.equal(undefined)
    }
    expect(issuer.state.requests).to.deep.equal(['/jwks'])
    expect(await whoIs(sign({ sub: 'somebody else' })), 'a good one meanwhile').to.not.equal(undefined)
  })

  it('is refused when its tenant is unknown, and at once when it is deleted', async () => {
    const { whoIs, sign, tenants, tenantId, stores } = await start()
    const token = sign()
    expect(await whoIs(token)).to.not.equal(undefined)
    expect(await whoIs(sign({ tenant_id: randomUUID() }))).to.equal(undefined)
    tenants.delete(tenantId)
    stores.hints.announce({ of: 'tenant', id: tenantId })
    expect(await whoIs(token)).to.equal(undefined)
    expect(await whoIs(sign())).to.equal(undefined)
  })

  describe('that is forged is refused', () => {
    const second = () => Math.floor(Date.now() / 1000)
    const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
    const forgeries: Record<string, (sign: (more?: object) => string, claims: object) => string> = {
      'another key under a known name': (_, claims) => issuer.sign(stranger, claims),
      'a key that is made for another algorithm': (_, claims) => issuer.sign({ ...rsa, alg: 'PS256' }, claims),
      'an algorithm that is not accepted': (_, claims) => issuer.sign(rsa, claims, { algorithm: 'PS512' as never }),
      'HS256 signed with the public key': (_, claims) => forge({ alg: 'HS256', kid: 'rsa' }, { ...base(), ...claims }, publicPem),
      'no signature and the algorithm none': (_, claims) => forge({ alg: 'none', kid: 'rsa' }, { ...base(), ...claims }),
      'no key id': (_, claims) => jsonwebtoken.sign({ ...base(), ...claims }, rsa.privateKey, { algorithm: 'RS256' }),
      'another audience': (sign) => sign({ aud: 'another-api' }),
      'no audience': (sign) => sign({ aud: undefined }),
      'the audience in client_id': (sign) => sign({ aud: undefined, client_id: 'tenantry-api' }),
      'another issuer': (sign) => sign({ iss: 'https://elsewhere.example' }),
      'an issuer that begins like this one': (sign) => sign({ iss: `${issuer.issuer}.evil.example` }),
      'an expiry in the past': (sign) => sign({ exp: second() - 10 }),
      'no expiry': (_, claims) => forgeWithRsa(claims),
      'a start in the future': (sign) => sign({ nbf: second() + 60 }),
      'no subject': (sign) => sign({ sub: undefined }),
      'no role': (sign) => sign({ role: undefined }),
      'no tenant': (sign) => sign({ tenant_id: undefined }),
      'a cut off end': (sign) => sign().slice(0, -10),
    }
    const base = () => ({ iss: issuer.issuer, aud: 'tenantry-api', sub: 'subject', exp: second() + 300 })
    const forgeWithRsa = (claims: object) => {
      const { exp: _, ...rest } = base()
      return jsonwebtoken.sign({ ...rest, ...claims }, rsa.privateKey, { algorithm: 'RS256', keyid: 'rsa' })
    }

    for (const [what, make] of Object.entries(forgeries)) {
      it(`: ${what}`, async () => {
        const { whoIs, sign, claims } = await start()
        expect(await whoIs(make(sign, claims))).to.equal(undefined)
        expect(await whoIs(sign()), 'as it should be').to.not.equal(undefined)
      })
    }
  })

  describe('of an issuer that', () => {
    const troubles: Record<string, (state: Issuer['state']) => void> = {
      'answers 500': (state) => {
        state.answer = (_, response) => response.writeHead(500).end('no')
      },
      'breaks the connection': (state) => {
        state.answer = (request) => request.socket.destroy()
      },
      'answers what is no JSON': (state) => {
        state.answer = (_, response) => response.end('<html>')
      },
      'answers more than a quarter of a megabyte': (state) => {
        state.discovery = { ...state.discovery, padding: 'a'.repeat(262_144) }
      },
      'redirects elsewhere': (state) => {
        state.answer = (request, response) => {
          if (request.url === '/elsewhere') response.end(JSON.stringify(state.discovery))
          else if (request.url === '/jwks') response.end(JSON.stringify(state.keySet))
          else response.writeHead(302, { location: '/elsewhere' }).end()
        }
      },
      'has a discovery document of another issuer': (state) => {
        state.discovery = { ...state.discovery, issuer: 'https://elsewhere.example' }
      },
      'has a discovery document without a key set': (state) => {
        state.discovery = { issuer: state.discovery.issuer }
      },
      'has no keys': (state) => {
        state.keySet = { keys: [] }
      },
      'has a key set of another shape': (state) => {
        state.keySet = { keys: 'none' }
      },
      'has keys that nobody can use': (state) => {
        state.keySet = { keys: [null, 5, {}, { kty: 'RSA', kid: 'rsa' }, { kty: 'oct', kid: 'rsa', k: 'c2VjcmV0' }] }
      },
    }
    for (const [what, trouble] of Object.entries(troubles)) {
      it(`${what} says that the issuer is unavailable, asks again after five seconds, and is accepted then`, async () => {
        const { whoIs, sign, clock } = await start()
        const { discovery, keySet } = issuer.state
        trouble(issuer.state)
        expect(await failure(whoIs(sign()))).to.equal('auth.issuer_unavailable')
        const asked = issuer.state.requests.length
        expect(await failure(whoIs(sign({ sub: 'another' })))).to.equal('auth.issuer_unavailable')
        expect(issuer.state.requests, 'not asked again at once').to.have.length(asked)
        Object.assign(issuer.state, { answer: undefined, discovery, keySet })
        clock.nowMs += 5_000
        expect(await failure(whoIs(sign()))).to.be.an('object')
      })
    }

    it('goes away is accepted while its key is remembered', async () => {
      const { whoIs, sign, clock } = await start()
      await whoIs(sign())
      issuer.state.answer = (request) => request.socket.destroy()
      clock.nowMs += 60_000
      expect(await whoIs(sign({ sub: 'another' }))).to.not.equal(undefined)
      expect(await failure(whoIs(sign({}, rotated)))).to.equal('auth.issuer_unavailable')
    })
  })

  it('is not asked for at an issuer whose key set has an address of its own in the configuration', async () => {
    const { whoIs, sign } = await start({ jwksUrl: `${issuer.issuer}/jwks` })
    expect(await whoIs(sign())).to.not.equal(undefined)
    expect(issuer.state.requests).to.deep.equal(['/jwks'])
  })

  it('reports a database that is away as such', async () => {
    const { stores: _, ...rest } = await start()
    const error = new AppError('database.unavailable', 'away', { retryable: true })
    rest.tenants.has = () => {
      throw error
    }
    expect(await failure(rest.whoIs(rest.sign()))).to.equal('database.unavailable')
  })

  it('is not accepted without an audience: the configuration is refused', async () => {
    const refused = await start({ audience: undefined }).then(
      () => undefined,
      (error) => error,
    )
    expect(refused).to.have.property('code', 'config.invalid')
    expect(refused.message).to.include('auth.oidc.audience')
  })

  it('is nobody’s where no issuer is set, and nobody is asked', async () => {
    const { whoIs, tenantId } = await startIdentity()
    expect(await whoIs(issuer.sign(rsa, { tenant_id: tenantId, role: 'member' }))).to.equal(undefined)
    expect(issuer.state.requests).to.deep.equal([])
  })
})

function toSettings({ issuer }: Issuer, overrides: Partial<OidcSettings>): OidcSettings {
  return { ...noOidc, issuer, audience: 'tenantry-api', ...overrides }
}

function forge(header: object, claims: object, secret?: string | Buffer): string {
  const text = [{ typ: 'JWT', ...header }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${secret === undefined ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`
}
