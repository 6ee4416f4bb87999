/** Makes and recognizes the tokens that only the database can tell the meaning of: refresh tokens, invitations, API keys. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import type { TokenHash } from '../core/ports/identity-store.ts'

/** 256 random bits as 43 characters. */
const randomText = (): string => randomBytes(32).toString('base64url')

export const newRefreshToken = (): string => `trt_${randomText()}`
export const newInvitationToken = (): string => `tiv_${randomText()}`

/** `prefix` is the part by which people recognize the key; it is stored in clear. */
export function newApiKey(): { readonly prefix: string; readonly secret: string } {
  const prefix = `tnt_${Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('')}`
  return { prefix, secret: `${prefix}_${randomText()}` }
}

const refreshToken = /^trt_[A-Za-z0-9_-]{43}$/
const invitationToken = /^tiv_[A-Za-z0-9_-]{43}$/
const apiKey = /^tnt_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/

export const isRefreshToken = (text: string): boolean => refreshToken.test(text)
export const isInvitationToken = (text: string): boolean => invitationToken.test(text)
export const isApiKey = (text: string): boolean => apiKey.test(text)

/** A fast hash is enough: nobody can try 2^256 tokens. */
export const hashToken = (token: string): TokenHash => createHash('sha256').update(token).digest()
