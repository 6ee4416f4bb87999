import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import jsonwebtoken from 'jsonwebtoken'
import { deriveKeys } from '../../../src/auth/installation-keys.ts'
import type { AdminPrincipal, TenantUserPrincipal } from '../../../src/auth/principal.ts'
import { createTokens } from '../../../src/auth/tokens.ts'
import type { TenantId } from '../../../src/core/ids.ts'
import { secret } from './start-identity.ts'

const newSecret = 'another secret of more than thirty-two characters'
const { tokens: keys } = deriveKeys({ current: secret })
const [{ kid, key }] = keys as [(typeof keys)[number]]

const admin = { kind: 'admin', id: randomUUID(), username: 'root', sessionId: randomUUID() } satisfies AdminPrincipal
const user = {
  kind: 'tenant_user',
  id: randomUUID(),
  username: 'u',
  tenantId: randomUUID() as TenantId,
  role: 'member',
  sessionId: randomUUID(),
} satisfies TenantUserPrincipal
const adminClaims = { sub: admin.id, sid: admin.sessionId, kind: 'admin' }
const userClaims = { sub: user.id, sid: user.sessionId, kind: 'tenant_user', tid: user.tenantId }

const create = (secrets: Parameters<typeof deriveKeys>[0] = { current: secret }) =>
  createTokens({ keys: deriveKeys(secrets).tokens, lifetimeSeconds: 60 })

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
const publicKeyOf = (pem: string | Buffer) => createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'pem' })

describe('access tokens', () => {
  it('verify to the session they were issued for, and carry neither name nor role', async () => {
    const { issue, verify } = create()
    for (const { username: _, ...person } of [admin, user]) {
      const { token, expiresInSeconds } = issue({ ...person, username: 'in no token' } as typeof admin)
      const verified = await verify(token)
      const { role: _role, ...subject } = { role: undefined, ...person }
      expect(verified?.subject).to.deep.equal(subject)
      expect(expiresInSeconds).to.equal(60)
      expect(verified?.expiresAtMs).to.be.within(Date.now() + 50_000, Date.now() + 60_000)
      expect(Object.keys(jsonwebtoken.decode(token) ?? {})).to.not.include.members(['role', 'username'])
    }
  })

  it('stay valid while the secret is being replaced, on nodes that have and that have not seen the new one', async () => {
    const old = create({ current: secret })
    const prepared = create({ current: secret, previous: newSecret })
    const swapped = create({ current: newSecret, previous: secret })
    for (const issuer of [old, prepared, swapped]) {
      const { token } = issuer.issue(admin)
      for (const verifier of [prepared, swapped]) expect(await verifier.verify(token)).to.not.equal(undefined)
    }
  })

  it('of a secret that was dropped are refused', async () => {
    const { token } = create().issue(admin)
    expect(await create({ current: newSecret }).verify(token)).to.equal(undefined)
  })

  it('are accepted as the forgeries below are made, when nothing is wrong with them', async () => {
    for (const claims of [adminClaims, userClaims]) expect(await create().verify(sign(key, {}, claims))).to.not.equal(undefined)
  })

  describe('that are forged are refused', () => {
    const forgeries: Record<string, () => string> = {
      'another secret': () => sign('another secret'),
      'the secret itself instead of the key': () => sign(secret),
      'the sealing key': () => sign(deriveKeys({ current: secret }).sealing[0]?.key ?? ''),
      'another issuer': () => sign(key, { issuer: 'somebody' }),
      'another audience': () => sign(key, { audience: 'somebody' }),
      'no audience': () => jsonwebtoken.sign(adminClaims, key, { keyid: kid, issuer: 'tenantry', expiresIn: 60 }),
      'an expiry in the past': () => sign(key, { expiresIn: -1 }),
      'a start in the future': () => sign(key, { notBefore: 30 }),
      'no expiry': () => jsonwebtoken.sign(adminClaims, key, { keyid: kid, issuer: 'tenantry', audience: 'tenantry' }),
      'no key id': () => jsonwebtoken.sign(adminClaims, key, { issuer: 'tenantry', audience: 'tenantry', expiresIn: 60 }),
      'another HMAC': () => sign(key, { algorithm: 'HS512' }),
      'no session': () => sign(key, {}, { ...adminClaims, sid: undefined }),
      'a session that is no UUID': () => sign(key, {}, { ...adminClaims, sid: "' or true --" }),
      'no subject': () => sign(key, {}, { ...adminClaims, sub: '' }),
      'no kind': () => sign(key, {}, { ...adminClaims, kind: undefined }),
      'an unknown kind': () => sign(key, {}, { ...adminClaims, kind: 'god' }),
      'a tenant user without a tenant': () => sign(key, {}, { ...userClaims, tid: undefined }),
      'a tenant that is no UUID': () => sign(key, {}, { ...userClaims, tid: '*' }),
      'an RSA signature': () => sign(rsa, { algorithm: 'RS256' }),
      'an RSA public key used as a secret': () => forge({ alg: 'HS256', kid }, adminClaims, (text) => hmac(publicKeyOf(rsa), text)),
      'a critical extension': () => forge({ alg: 'HS256', kid, crit: ['exp'] }, adminClaims, (text) => hmac(key, text)),
      'a key in its own header': () => sign('mine', { header: { alg: 'HS256', kid: 'mine', jwk: { kty: 'oct', k: 'bWluZQ' } } as never }),
      'a cut off end': () => sign(key).slice(0, -5),
      'a missing signature': () => sign(key).replace(/\.[^.]*$/, '.'),
      'another signature': () => `${sign(key).replace(/\.[^.]*$/, '')}.${sign(key, {}, userClaims).split('.')[2]}`,
      'nothing in it': () => '',
      'text that is no token': () => 'a.b.c',
      'a list as claims': () => forge({ alg: 'HS256', kid }, [adminClaims], (text) => hmac(key, text)),
      'null as claims': () => forge({ alg: 'HS256', kid }, null, (text) => hmac(key, text)),
      'a hundred thousand characters': () => sign(key, {}, { ...adminClaims, padding: 'a'.repeat(100_000) }),
    }
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      forgeries[`the algorithm ${alg}`] = () => forge({ alg, kid }, adminClaims, () => '')
      forgeries[`the algorithm ${alg}, signed`] = () => forge({ alg, kid }, adminClaims, (text) => hmac(key, text))
    }
    for (const keyid of [
      '../../dev/null',
      "' or 1=1 --",
      '__proto__',
      'constructor',
      'http://localhost/key',
      `${kid}\0`,
      kid.toUpperCase(),
    ]) {
      forgeries[`the key id ${JSON.stringify(keyid)}`] = () => sign(key, { keyid })
    }
    for (const keyid of [['a'], { a: 1 }, 1, null]) {
      forgeries[`the key id ${JSON.stringify(keyid)}, which is no text`] = () =>
        forge({ alg: 'HS256', kid: keyid }, adminClaims, (text) => hmac(key, text))
    }

    const { verify } = create({ current: secret, previous: newSecret })
    for (const [what, make] of Object.entries(forgeries)) {
      it(`: ${what}`, async () => {
        expect(await verify(make())).to.equal(undefined)
      })
    }
  })
})

function sign(secretOrKey: string | Buffer, options: jsonwebtoken.SignOptions = {}, claims: object = adminClaims): string {
  return jsonwebtoken.sign(claims, secretOrKey, { keyid: kid, issuer: 'tenantry', audience: 'tenantry', expiresIn: 60, ...options })
}

/** Whatever the library would not sign. */
function forge(header: object, claims: unknown, signature: (text: string) => string): string {
  const complete =
    typeof claims === 'object' && claims !== null && !Array.isArray(claims)
      ? { iss: 'tenantry', aud: 'tenantry', exp: Math.floor(Date.now() / 1000) + 60, ...claims }
      : claims
  const text = [{ typ: 'JWT', ...header }, complete].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${signature(text)}`
}

const hmac = (secretOrKey: string | Buffer, text: string): string => createHmac('sha256', secretOrKey).update(text).digest('base64url')
