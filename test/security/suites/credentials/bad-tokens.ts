/** Tokens that no node may accept, made from one that it does. */
import { randomBytes } from 'node:crypto'
import type { Stage } from '../../stage/stage.ts'
import { confuseKeys, forge, tamper } from '../../stage/tokens.ts'

export interface BadCredentials {
  readonly name: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

const hour = 3600

export function createBadTokens({ own, other, adminToken, signingKey: { key, kid } }: Stage): readonly BadCredentials[] {
  const { token, refreshToken } = own.users.owner
  const now = Math.floor(Date.now() / 1000)
  const signed = (claims: Readonly<Record<string, unknown>>, header = {}): string => forge(token, { claims, header, key })
  const { rs256, publicAsHmac } = confuseKeys(token)
  const kidInjections = [
    '../../../../dev/null',
    "' or 1=1 --",
    "x' union select 'key' --",
    'http://127.0.0.1/key',
    '/dev/null',
    '',
    '__proto__',
    'constructor',
    `${kid}\u0000`,
  ]
  const tokens: Readonly<Record<string, string>> = {
    expired: signed({ iat: now - 2 * hour, exp: now - hour }),
    'without an end': signed({ exp: undefined }),
    'an end that is no number': signed({ exp: 'never' }),
    'not yet valid': signed({ nbf: now + hour }),
    ...Object.fromEntries(['none', 'None', 'NONE', 'nOnE'].map((alg) => [`alg ${alg}`, forge(token, { header: { alg } })])),
    'alg none with a signature': forge(token, { header: { alg: 'none' }, key }),
    'no alg': forge(token, { header: { alg: undefined }, key }),
    'HS512 with the right key': forge(token, { header: { alg: 'HS512' }, key, hash: 'sha512' }),
    'HS384 with the right key': forge(token, { header: { alg: 'HS384' }, key, hash: 'sha384' }),
    'RS256 of a key of their own': rs256,
    'RS256 with an HMAC': forge(token, { header: { alg: 'RS256' }, key }),
    'HS256 with a public key': publicAsHmac,
    'a key in the header': forge(token, { header: { jwk: { kty: 'oct', k: 'eA' } }, key: 'x' }),
    'a key by URL': forge(token, { header: { jku: 'http://127.0.0.1/jwks', x5u: 'http://127.0.0.1/x' }, key: 'x' }),
    'wrong key': forge(token, { key: randomBytes(32) }),
    'empty key': forge(token, { key: '' }),
    'no signature': forge(token, {}),
    'signature of another token': [...token.split('.').slice(0, 2), other.users.owner.token.split('.')[2]].join('.'),
    'wrong issuer': signed({ iss: 'somebody' }),
    'wrong audience': signed({ aud: 'somebody' }),
    'no issuer': signed({ iss: undefined }),
    'no audience': signed({ aud: undefined }),
    'no session': signed({ sid: undefined }),
    'session of another tenant': signed({ tid: other.id }),
    'session of another user': signed({ sub: own.users.viewer.id }),
    'user as an admin': signed({ kind: 'admin', tid: undefined }),
    'no tenant': signed({ tid: undefined }),
    'no kind': signed({ kind: undefined }),
    'tenant that is no id': signed({ tid: "' or 1=1" }),
    'session that is no id': signed({ sid: "' or 1=1" }),
    'changed payload': tamper(token, { kind: 'admin', role: 'admin' }),
    'changed tenant': tamper(token, { tid: other.id }),
    'changed session': tamper(token, { sid: other.users.owner.sessionId }),
    ...Object.fromEntries(
      kidInjections.map((wrong) => [`kid ${JSON.stringify(wrong)}`, forge(token, { header: { kid: wrong }, key: '' })]),
    ),
    'no kid': forge(token, { header: { kid: undefined }, key }),
    'kid that is no text': forge(token, { header: { kid: [kid] }, key }),
    truncated: token.slice(0, -10),
    'two parts': token.split('.').slice(0, 2).join('.'),
    'four parts': `${token}.x`,
    '3 KB': signed({ padding: 'x'.repeat(3000) }).slice(0, -1),
    '100 KB': signed({ padding: 'x'.repeat(75_000) }),
    'a refresh token': refreshToken,
    'an invitation': own.invitations[0]?.token ?? '',
    garbage: 'garbage',
    dots: '..',
  }
  return [
    { name: 'none', headers: {} },
    { name: 'empty', headers: { authorization: '' } },
    { name: 'Bearer without a token', headers: { authorization: 'Bearer' } },
    { name: 'no scheme', headers: { authorization: token } },
    { name: 'Basic', headers: { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` } },
    { name: 'Basic with a token', headers: { authorization: `Basic ${adminToken}` } },
    { name: 'a token as a cookie', headers: { cookie: `token=${adminToken}; authorization=Bearer ${adminToken}` } },
    { name: 'a token as an API key', headers: { 'x-api-key': token } },
    ...Object.entries(tokens).map(([name, bad]) => ({ name, headers: { authorization: `Bearer ${bad}` } })),
  ]
}
