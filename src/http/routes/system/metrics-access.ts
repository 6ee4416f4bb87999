/** Who may read /metrics, and who sees tenants in it: their ids and traffic are nothing for anonymous readers. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Identity } from '../../../auth/index.ts'
import type { Limiter } from '../../edge/limiter.ts'
import { Refusal } from '../../request/refusal.ts'

export interface MetricsAccess {
  /** `metrics.token`; everybody may read what names no tenant when it is undefined. */
  readonly token: string | undefined
  /** Whether the header is a platform admin's valid token. Errors: AppError `database.unavailable`. */
  readonly isAdmin: (authorization: string) => Promise<boolean>
  /** Counts wrong credentials against where they come from. Errors: Refusal `request.rate_limited`. */
  readonly countWrong: (address: string) => Promise<void>
}

interface AccessOptions {
  readonly token: string | undefined
  readonly identity: Pick<Identity, 'authenticate'>
  readonly limiter: Limiter
}

export function createMetricsAccess({ token, identity, limiter }: AccessOptions): MetricsAccess {
  return {
    token,
    isAdmin: async (authorization) => (await identity.authenticate({ authorization }))?.kind === 'admin',
    countWrong: async (address) => {
      await limiter.take('management', { principal: undefined, address, tenantId: undefined, points: 1 })
    },
  }
}

export interface MetricsReader {
  readonly authorization: string | undefined
  readonly address: string
}

/** Whether the reader sees tenants. Errors: Refusal `auth.required` for one who may read nothing; those of the access. */
export async function seesTenants(access: MetricsAccess | undefined, { authorization, address }: MetricsReader): Promise<boolean> {
  if (access === undefined) return false
  const { token, isAdmin, countWrong } = access
  if (authorization !== undefined && !isEmpty(authorization)) {
    if (token !== undefined && isSame(authorization.replace(/^bearer /i, 'Bearer '), `Bearer ${token}`)) return true
    if (await isAdmin(authorization)) return true
    await countWrong(address)
  }
  if (token === undefined) return false
  throw new Refusal('auth.required', 'The metrics token of this installation is required.', {
    headers: { 'www-authenticate': 'Bearer realm="tenantry metrics"' },
  })
}

/** Prometheus sends it when its token is empty: no credentials, so nothing is asked and nothing is counted. */
const isEmpty = (authorization: string): boolean => /^\s*(?:bearer)?\s*$/i.test(authorization)

// Of digests, so that the time it takes says nothing about the token, its length included.
const isSame = (given: string, wanted: string): boolean => timingSafeEqual(digest(given), digest(wanted))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
