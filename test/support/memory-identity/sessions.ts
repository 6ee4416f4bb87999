/** The session store in memory. */
import { AppError } from '../../../src/core/errors.ts'
import { maxSessions, maxSpentTokens, type SessionOwner } from '../../../src/core/identity.ts'
import type { Rotation, SessionState, SessionStore } from '../../../src/core/ports/identity-store.ts'
import { type MemoryTables, pageOf, type SessionRow } from './tables.ts'

const maxListed = 200

export function createMemorySessions(tables: MemoryTables): SessionStore {
  const { sessions, tokens, nowMs } = tables
  const isUnexpired = ({ expiresAt }: { readonly expiresAt: Date }) => expiresAt.getTime() > nowMs()
  const isAlive = (session: SessionRow) => session.endedAt === null && isUnexpired(session)
  const aliveOf = (owner: SessionOwner) => [...sessions.values()].filter((session) => isSame(session.owner, owner) && isAlive(session))

  return {
    async create({ id, owner, verifiedHash, refreshHash, lifetimeMs, address, userAgent }) {
      if (readOwner(tables, owner) === undefined || hashOf(tables, owner) !== verifiedHash) {
        throw new AppError('tenant.missing', 'whose session it is has gone, or has another password', { scope: 'tenant' })
      }
      const known = [...sessions.values()].filter((session) => isSame(session.owner, owner))
      const newestFirst = known.toSorted((a, b) => Number(isAlive(b)) - Number(isAlive(a)) || Number(b.micros - a.micros))
      const ended = newestFirst.slice(maxSessions - 1).map((session) => session.id)
      for (const surplus of ended) tables.removeSession(surplus)
      const createdAt = new Date(nowMs())
      const expiresAt = new Date(nowMs() + lifetimeMs)
      const times = { createdAt, lastUsedAt: createdAt, expiresAt, endedAt: null, micros: tables.nextMicros() }
      sessions.set(id, { id, owner, address, userAgent, ...times })
      tokens.set(refreshHash.toString('hex'), { sessionId: id, expiresAt, isSpent: false })
      return ended
    },
    async rotate(spent, next, lifetimeMs, from): Promise<Rotation> {
      const token = tokens.get(spent.toString('hex'))
      const session = token && sessions.get(token.sessionId)
      if (!token || !session || !isUnexpired(token) || !isUnexpired(session)) return { kind: 'unknown' }
      const state = toState(tables, session)
      if (state === undefined) return { kind: 'unknown' }
      if (token.isSpent) {
        sessions.set(session.id, { ...session, endedAt: session.endedAt ?? new Date(nowMs()) })
        return { kind: 'reused', session: state }
      }
      if (session.endedAt !== null) return { kind: 'unknown' }
      const expiresAt = new Date(nowMs() + lifetimeMs)
      tokens.set(spent.toString('hex'), { ...token, isSpent: true })
      // In the order in which they were given, and so spent.
      const spentOnes = [...tokens].filter(([, one]) => one.sessionId === session.id && one.isSpent).map(([hash]) => hash)
      for (const hash of spentOnes.slice(0, -maxSpentTokens)) tokens.delete(hash)
      tokens.set(next.toString('hex'), { sessionId: session.id, expiresAt, isSpent: false })
      const { address, userAgent } = from
      sessions.set(session.id, { ...session, address, userAgent, lastUsedAt: new Date(nowMs()), expiresAt })
      return { kind: 'rotated', session: { ...state, expiresAt } }
    },
    async state(id) {
      const session = sessions.get(id)
      return session && isAlive(session) ? toState(tables, session) : undefined
    },
    async listOf(owner) {
      return pageOf(aliveOf(owner), { limit: maxListed }, ({ micros: _micros, owner: _owner, endedAt: _endedAt, ...session }) => session)
        .items
    },
    async revoke(owner, id) {
      const isTheirs = aliveOf(owner).some((session) => session.id === id)
      if (isTheirs) tables.removeSession(id)
      return isTheirs
    },
    async revokeAll(owner, exceptId) {
      const ids = aliveOf(owner).map((session) => session.id)
      const ended = ids.filter((id) => id !== exceptId)
      for (const id of ended) tables.removeSession(id)
      return ended
    },
    async removeExpired(limit) {
      const expired = [...sessions.values()].filter((session) => !isUnexpired(session)).slice(0, limit)
      for (const { id } of expired) tables.removeSession(id)
      for (const [hash, token] of tokens) if (!isUnexpired(token)) tokens.delete(hash)
      return expired.length
    },
  }
}

function isSame(a: SessionOwner, b: SessionOwner): boolean {
  if (a.kind === 'admin') return b.kind === 'admin' && a.adminId === b.adminId
  return b.kind === 'tenant_user' && a.tenantId === b.tenantId && a.userId === b.userId
}

function toState(tables: MemoryTables, { id, expiresAt, owner }: SessionRow): SessionState | undefined {
  const who = readOwner(tables, owner)
  return who && { id, expiresAt, ...who }
}

const hashOf = ({ admins, users }: MemoryTables, owner: SessionOwner): string | undefined =>
  owner.kind === 'admin' ? admins.get(owner.adminId)?.passwordHash : users.get(owner.userId)?.passwordHash

/** What the owner is now; undefined when they or their tenant have gone. */
function readOwner({ admins, users, tenants }: MemoryTables, owner: SessionOwner) {
  if (owner.kind === 'admin') {
    const admin = admins.get(owner.adminId)
    return admin && { owner, username: admin.username }
  }
  const user = users.get(owner.userId)
  if (user?.tenantId !== owner.tenantId || tenants.get(owner.tenantId) !== 'alive') return undefined
  return { owner, username: user.username, role: user.role }
}
