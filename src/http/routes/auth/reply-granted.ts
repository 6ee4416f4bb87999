/** What logins, refreshes and registrations have in common. */
import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { Client, Granted, Principal } from '../../../auth/index.ts'
import type { Reply } from '../../answer/send.ts'
import type { AuditNote } from '../../audit-note.ts'
import { toDoer } from '../../record-audit.ts'
import { Refusal } from '../../request/refusal.ts'
import type { loginAnswer, loginUser } from '../../schemas/auth.ts'

const maxUserAgent = 400

export const toClient = (address: string, headers: IncomingHttpHeaders): Client => ({
  address,
  userAgent: headers['user-agent']?.slice(0, maxUserAgent) ?? null,
})

/** `note` is completed with who has been let in. */
export function replyGranted(status: 200 | 201, { token, expiresInSeconds, refreshToken, principal }: Granted, note?: AuditNote): Reply {
  const body: z.output<typeof loginAnswer> = {
    token,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    refresh_token: refreshToken,
    user: toLoginUser(principal),
  }
  if (!note) return { status, body }
  const tenantId = principal.kind === 'admin' ? null : principal.tenantId
  return { status, body, audit: { doer: toDoer(principal), tenantId, ...note } }
}

/** Errors: TypeError for an API key, which nobody is let in with. */
export function toLoginUser(principal: Principal): z.output<typeof loginUser> {
  switch (principal.kind) {
    case 'admin':
      return { id: principal.id, username: principal.username, role: 'admin', tenant_id: null }
    case 'tenant_user':
      return { id: principal.id, username: principal.username, role: principal.role, tenant_id: principal.tenantId }
    case 'api_key':
      throw new TypeError('an API key is no user')
  }
}

export const refused = (detail: string): Refusal =>
  new Refusal('auth.refused', detail, { headers: { 'www-authenticate': 'Bearer realm="tenantry"' } })

export const throttled = (retryAfterMs: number): Refusal =>
  new Refusal('auth.throttled', 'Too many attempts; try again later.', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
  })
