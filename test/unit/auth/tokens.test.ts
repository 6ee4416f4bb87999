import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import jsonwebtoken from 'jsonwebtoken'
import type { Principal } from '../../../src/auth/principal.ts'
import { createSigningKeys } from '../../../src/auth/signing-keys.ts'
import { createTokens } from '../../../src/auth/tokens.ts'
import { AppError } from '../../../src/core/errors.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { createMemoryAuthStore, newKey } from './memory-auth-store.ts'

const admin: Principal = { kind: 'admin', username: 'root' }

function setup() {
  const store = createMemoryAuthStore()
  const keys = createSigningKeys(store)
  return { store, keys, tokens: createTokens({ keys, lifetimeSeconds: 60 }) }
}

describe('tokens', () => {
  it('verify to the principal they were issued for', async () => {
    const { tokens } = setup()
    const user: Principal = {
      kind: 'tenant_user',
      username: 'u',
      tenantId: '01990000-0000-7000-8000-000000000001' as TenantId,
      role: 'member',
    }
    for (const principal of [admin, user]) {
      const { token, expiresInSeconds } = await tokens.issue(principal)
      const verified = await tokens.verify(token)
      expect(verified?.principal).to.deep.equal(principal)
      expect(expiresInSeconds).to.equal(60)
      expect(verified?.expiresAtMs).to.be.within(Date.now() + 50_000, Date.now() + 60_000)
    }
  })

  it('stay valid when a newer key signs', async () => {
    const { store, tokens } = setup()
    const { token } = await tokens.issue(admin)
    store.keys = [newKey('second'), ...store.keys]
    expect(await tokens.verify(token)).to.not.equal(undefined)
  })

  it('are verified with a key that another node has just made', async () => {
    const { store } = setup()
    let nowMs = 0
    const tokens = createTokens({ keys: createSigningKeys(store, () => nowMs), lifetimeSeconds: 60 })
    await tokens.issue(admin)
    store.keys = [newKey('second'), ...store.keys]
    const { token } = await createTokens({ keys: createSigningKeys(store), lifetimeSeconds: 60 }).issue(admin)
    nowMs = 10_000
    expect((await tokens.verify(token))?.principal).to.deep.equal(admin)
  })

  it('with unknown keys do not make the store be read for each of them', async () => {
    const { store, tokens } = setup()
    for (let index = 0; index < 20; index++) {
      const token = jsonwebtoken.sign({ sub: 'x', kind: 'admin' }, 'secret', { keyid: `no-${index}`, expiresIn: 60 })
      expect(await tokens.verify(token)).to.equal(undefined)
    }
    expect(store.keyReads()).to.equal(1)
  })

  it('report keys that cannot be read instead of calling the token invalid', async () => {
    const { tokens } = setup()
    const { token } = await tokens.issue(admin)
    const away = new AppError('database.unavailable', 'away', { retryable: true })
    const blind = createTokens({
      keys: createSigningKeys({ signingKeys: () => Promise.reject(away) }),
      lifetimeSeconds: 60,
    })
    const failure = await blind.verify(token).catch((error) => error)
    expect(failure).to.equal(away)
  })

  describe('that are forged are refused', () => {
    const forgeries: Record<string, (kid: string, secret: Buffer) => string> = {
      'another secret': (kid) => sign('another secret', { keyid: kid }),
      'another issuer': (kid, secret) => sign(secret, { keyid: kid, issuer: 'somebody' }),
      'another audience': (kid, secret) => sign(secret, { keyid: kid, audience: 'somebody' }),
      'an expiry in the past': (kid, secret) => sign(secret, { keyid: kid, expiresIn: -1 }),
      'a start in the future': (kid, secret) => sign(secret, { keyid: kid, notBefore: 30 }),
      'no key id': (_kid, secret) => sign(secret, {}),
      'a key id that is a path': (_kid, secret) => sign(secret, { keyid: '../../dev/null' }),
      'another HMAC': (kid, secret) => sign(secret, { keyid: kid, algorithm: 'HS512' }),
      'no expiry': (kid, secret) =>
        jsonwebtoken.sign({ sub: 'root', kind: 'admin' }, secret, { keyid: kid, issuer: 'tenantry', audience: 'tenantry' }),
      'claims of nobody': (kid, secret) => sign(secret, { keyid: kid }, { sub: '', kind: 'admin' }),
      'claims of an unknown kind': (kid, secret) => sign(secret, { keyid: kid }, { sub: 'x', kind: 'god' }),
      'a tenant user without a tenant': (kid, secret) => sign(secret, { keyid: kid }, { sub: 'x', kind: 'tenant_user', role: 'owner' }),
      'an RSA signature': (kid) =>
        sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }), {
          keyid: kid,
          algorithm: 'RS256',
        }),
      'a cut off end': (kid, secret) => sign(secret, { keyid: kid }).slice(0, -5),
      'nothing in it': () => '',
      'text that is no token': () => 'a.b.c',
      'a hundred thousand characters': () => `${'a'.repeat(100_000)}.b.c`,
    }
    for (const casing of ['none', 'None', 'NONE', 'nOnE']) {
      forgeries[`the algorithm ${casing}`] = (kid) =>
        [
          { alg: casing, typ: 'JWT', kid },
          { sub: 'root', kind: 'admin', iss: 'tenantry', aud: 'tenantry', exp: 9_999_999_999 },
        ]
          .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
          .join('.')
          .concat('.')
    }

    for (const [what, forge] of Object.entries(forgeries)) {
      it(`: ${what}`, async () => {
        const { keys, tokens } = setup()
        const { kid, secret } = await keys.current()
        expect(await tokens.verify(forge(kid, secret))).to.equal(undefined)
      })
    }
  })
})

function sign(secret: string | Buffer, options: jsonwebtoken.SignOptions, claims: object = { sub: 'root', kind: 'admin' }): string {
  return jsonwebtoken.sign(claims, secret, { issuer: 'tenantry', audience: 'tenantry', expiresIn: 60, ...options })
}
