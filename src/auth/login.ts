/** Exchanges a username and a password for a token. */
import type { AuthStore } from '../core/ports/auth-store.ts'
import { createAttemptLimit } from './attempt-limit.ts'
import { checkPassword } from './passwords.ts'
import type { Principal } from './principal.ts'
import type { Tokens } from './tokens.ts'

export interface LoginRequest {
  readonly username: string
  readonly password: string
  /** The client's address: failures are counted per address and username. */
  readonly address: string
}

export type LoginAnswer =
  | { readonly kind: 'granted'; readonly principal: Principal; readonly token: string; readonly expiresInSeconds: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }

/** Errors: `database.unavailable`. */
export type Login = (request: LoginRequest) => Promise<LoginAnswer>

export interface LoginOptions {
  readonly store: Pick<AuthStore, 'findAdmin'>
  readonly tokens: Pick<Tokens, 'issue'>
  readonly now?: () => number
}

const maxChecksAtOnce = 16

/** An unknown user and a wrong password get the same answer after the same work. */
export function createLogin({ store, tokens, now = Date.now }: LoginOptions): Login {
  const limit = createAttemptLimit({ maxFailures: 10, windowMs: 60_000, maxKeys: 10_000, now })

  let checking = 0

  return async ({ username, password, address }) => {
    const attemptKey = `${address} ${username}`
    const retryAfterMs = limit.begin(attemptKey)
    if (retryAfterMs !== undefined) return { kind: 'throttled', retryAfterMs }

    // Each check costs memory and a thread that the whole process shares: many usernames must not queue up there.
    if (checking >= maxChecksAtOnce) return { kind: 'throttled', retryAfterMs: 1_000 }
    checking++
    try {
      const admin = await store.findAdmin(username)
      if (!(await checkPassword(admin?.passwordHash, password))) return { kind: 'refused' }
    } finally {
      checking--
    }
    limit.succeeded(attemptKey)

    const principal: Principal = { kind: 'admin', username }
    const { token, expiresInSeconds } = await tokens.issue(principal)
    return { kind: 'granted', principal, token, expiresInSeconds }
  }
}
