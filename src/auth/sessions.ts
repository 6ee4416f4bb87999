/** Begins, renews, lists and ends sessions. */
import { randomUUIDv7 } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { SessionOwner } from '../core/identity.ts'
import type { IdentityHints, SessionState, SessionStore } from '../core/ports/identity-store.ts'
import type { Client, Granted, Identity } from './identity.ts'
import { hashToken, isRefreshToken, newRefreshToken } from './opaque-tokens.ts'
import type { AdminPrincipal, Principal, TenantUserPrincipal } from './principal.ts'
import type { Tokens } from './tokens.ts'

/** Somebody whose password was right, before there is a session. */
export type Person = Omit<AdminPrincipal, 'sessionId'> | Omit<TenantUserPrincipal, 'sessionId'>

export interface OwnSession {
  readonly person: AdminPrincipal | TenantUserPrincipal
  readonly owner: SessionOwner
  readonly id: string
}

export interface Sessions extends Pick<Identity, 'refresh' | 'logout' | 'sessions' | 'revokeSession'> {
  /** `verifiedHash` is that of the password that was right. Errors: `tenant.missing` when the person has gone meanwhile, or has another one. */
  begin(person: Person, client: Client, verifiedHash: string): Promise<Granted>
  /** Ends the user's sessions, all or all but one. */
  endAll(owner: SessionOwner, exceptId?: string): Promise<void>
}

export interface SessionsOptions {
  readonly store: SessionStore
  readonly hints: Pick<IdentityHints, 'announce'>
  readonly tokens: Pick<Tokens, 'issue'>
  /** How long a session lasts without a refresh. */
  readonly lifetimeMs: number
}

export function createSessions({ store, hints, tokens, lifetimeMs }: SessionsOptions): Sessions {
  const grant = (person: Person, sessionId: string, refreshToken: string): Granted => {
    const principal = { ...person, sessionId }
    return { kind: 'granted', principal, refreshToken, ...tokens.issue(principal) }
  }
  const announceEnd = (ids: readonly string[]): void => {
    for (const id of ids) hints.announce({ of: 'session', id })
  }

  return {
    async begin(person, { address, userAgent }, verifiedHash) {
      const id = randomUUIDv7()
      const refreshToken = newRefreshToken()
      const refreshHash = hashToken(refreshToken)
      announceEnd(await store.create({ id, owner: ownerOf(person), verifiedHash, refreshHash, lifetimeMs, address, userAgent }))
      return grant(person, id, refreshToken)
    },

    async refresh(refreshToken, { address, userAgent }) {
      if (!isRefreshToken(refreshToken)) return { kind: 'refused' }
      const next = newRefreshToken()
      const rotation = await store.rotate(hashToken(refreshToken), hashToken(next), lifetimeMs, { address, userAgent })
      switch (rotation.kind) {
        case 'rotated':
          return grant(toPrincipal(rotation.session), rotation.session.id, next)
        case 'reused':
          hints.announce({ of: 'session', id: rotation.session.id })
          return { kind: 'reused', principal: toPrincipal(rotation.session) }
        case 'unknown':
          return { kind: 'refused' }
      }
    },

    async logout(principal) {
      if (principal.kind === 'api_key' || principal.sessionId === undefined) return
      await store.revoke(ownerOf(principal), principal.sessionId)
      hints.announce({ of: 'session', id: principal.sessionId })
    },

    async sessions(principal) {
      return store.listOf(ownSession(principal).owner)
    },

    async revokeSession(principal, id) {
      const revoked = await store.revoke(ownSession(principal).owner, id)
      if (!revoked) throw new AppError('session.missing', 'You have no such session.')
      hints.announce({ of: 'session', id })
    },

    async endAll(owner, exceptId) {
      announceEnd(await store.revokeAll(owner, exceptId))
    },
  }
}

/** The principal's session. Errors: `session.missing` for an API key, and for a token of another issuer. */
export function ownSession(principal: Principal): OwnSession {
  if (principal.kind === 'api_key' || principal.sessionId === undefined) {
    throw new AppError('session.missing', 'These credentials have no session here.')
  }
  return { person: principal, owner: ownerOf(principal), id: principal.sessionId }
}

export function toPrincipal(session: SessionState): AdminPrincipal | TenantUserPrincipal {
  const { username, id: sessionId } = session
  if (!('role' in session)) return { kind: 'admin', id: session.owner.adminId, username, sessionId }
  const { owner, role } = session
  return { kind: 'tenant_user', id: owner.userId, username, tenantId: owner.tenantId, role, sessionId }
}

const ownerOf = (person: Person): SessionOwner =>
  person.kind === 'admin' ? { kind: 'admin', adminId: person.id } : { kind: 'tenant_user', tenantId: person.tenantId, userId: person.id }
