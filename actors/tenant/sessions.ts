/** The sessions of this node, by tenant: how the actors' shells find the plain code they start and stop. */
import type { TenantId } from '../../src/core/ids.ts'
import { createMeter, type Meter } from '../../src/core/meter.ts'
import { createSession, type Session } from './session.ts'

export interface Sessions {
  /** A fresh session; the tenant's earlier one ends. */
  open(tenantId: TenantId): Session
  find(tenantId: TenantId): Session | undefined
  meterOf(tenantId: TenantId): Meter | undefined
  /** Ends the session, when it still is the tenant's. */
  close(session: Session): void
  /** Forgets the tenant. */
  forget(tenantId: TenantId): void
  all(): Iterable<Session>
}

export function createSessions(retryShare: number): Sessions {
  const sessions = new Map<TenantId, Session>()
  const meters = new Map<TenantId, Meter>()

  const meterFor = (tenantId: TenantId): Meter => {
    const known = meters.get(tenantId)
    if (known) return known
    const meter = createMeter()
    meters.set(tenantId, meter)
    return meter
  }

  return {
    open(tenantId) {
      sessions.get(tenantId)?.end()
      const session = createSession(tenantId, meterFor(tenantId), retryShare)
      sessions.set(tenantId, session)
      return session
    },
    find: (tenantId) => sessions.get(tenantId),
    meterOf: (tenantId) => meters.get(tenantId),
    close(session) {
      session.end()
      if (sessions.get(session.tenantId) === session) sessions.delete(session.tenantId)
    },
    forget(tenantId) {
      sessions.get(tenantId)?.end()
      sessions.delete(tenantId)
      meters.delete(tenantId)
    },
    all: () => sessions.values(),
  }
}
