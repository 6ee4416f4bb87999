/** Access tokens as an attacker would make them, from one that is valid. */
import { createHmac, generateKeyPairSync } from 'node:crypto'
import jsonwebtoken from 'jsonwebtoken'

export interface SigningKey {
  readonly kid: string
  readonly key: Buffer
}

type Json = Readonly<Record<string, unknown>>

export interface Forgery {
  readonly header?: Json
  readonly claims?: Json
  /** HMAC key; none leaves the signature empty. */
  readonly key?: Buffer | string
  readonly hash?: 'sha256' | 'sha384' | 'sha512'
}

/** The token again with these members over its own; a member that is undefined is left out. */
export function forge(token: string, { header = {}, claims = {}, key, hash = 'sha256' }: Forgery): string {
  const parts = readToken(token)
  const signed = [
    { ...parts.header, ...header },
    { ...parts.claims, ...claims },
  ]
    .map(toPart)
    .join('.')
  return `${signed}.${key === undefined ? '' : createHmac(hash, key).update(signed).digest('base64url')}`
}

/** The token with another payload and its own signature. */
export function tamper(token: string, claims: Json): string {
  const [header, , signature] = token.split('.')
  return [header, toPart({ ...readToken(token).claims, ...claims }), signature].join('.')
}

export function readToken(token: string): { readonly header: Json; readonly claims: Json } {
  const [header = '', claims = ''] = token.split('.')
  return { header: fromPart(header), claims: fromPart(claims) }
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** Signed with an RSA key of the attacker's, as RS256; and with the text of its public half, as HS256. */
export function confuseKeys(token: string): { readonly rs256: string; readonly publicAsHmac: string } {
  const { header, claims } = readToken(token)
  const publicText = rsa.publicKey.export({ type: 'spki', format: 'pem' })
  return {
    rs256: jsonwebtoken.sign({ ...claims }, rsa.privateKey, { algorithm: 'RS256', keyid: String(header.kid) }),
    publicAsHmac: forge(token, { key: publicText as string, header: { jwk: rsa.publicKey.export({ format: 'jwk' }) } }),
  }
}

const toPart = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const fromPart = (part: string): Json => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Json
