/** Decides which incidents of a crowd are worth a record. */
import type { FlightDump } from '../../core/ports/inspection.ts'

export interface IncidentLimit {
  /** True for one that is to be kept; it counts from then on. */
  admits(incident: Pick<FlightDump, 'actorId' | 'tenantId'>): boolean
}

const minuteMs = 60_000
const ofOneActorMs = 10_000
const perMinute = 60
/** No tenant takes the place of all others on the node. */
const ofOneTenantPerMinute = 10

/** One of an actor in 10 s; 10 of a tenant's actors and 60 of all in a minute. */
export function createIncidentLimit(nowMs: () => number): IncidentLimit {
  // Those that were admitted in the last minute, the oldest first: 60 at most.
  let admitted: readonly { readonly atMs: number; readonly actorId: string; readonly tenantId: string | null }[] = []
  return {
    admits({ actorId, tenantId }) {
      const now = nowMs()
      admitted = admitted.filter(({ atMs }) => atMs > now - minuteMs && atMs <= now)
      const isTooSoon = admitted.some((one) => one.actorId === actorId && one.atMs > now - ofOneActorMs)
      const ofTenant = tenantId === null ? 0 : admitted.filter((one) => one.tenantId === tenantId).length
      if (isTooSoon || ofTenant >= ofOneTenantPerMinute || admitted.length >= perMinute) return false
      admitted = [...admitted, { atMs: now, actorId, tenantId }]
      return true
    },
  }
}
