/** The tenants with the highest load, and all others together. */
import type { TenantId } from '../core/ids.ts'
import type { Meter } from '../core/meter.ts'
import type { TenantLoad, TenantLoads } from '../core/ports/metrics.ts'
import { largest } from './largest.ts'

export interface TenantLoadSources {
  readonly board: { entries(): Iterable<readonly [TenantId, unknown]> }
  readonly sessions: {
    find(tenantId: TenantId): { readonly inFlight: number } | undefined
    meterOf(tenantId: TenantId): Pick<Meter, 'ratePerSecond'> | undefined
  }
  readonly depths: { readyOf(tenantId: TenantId): number }
}

/** Of this node, now. The highest load is what waits, what is in hand and what is done in a second, together. */
export function readTenantLoads({ board, sessions, depths }: TenantLoadSources, count: number): TenantLoads {
  const nowMs = Date.now()
  const loads = Array.from(board.entries(), ([tenant]) => ({
    tenant,
    queueReadyMessages: depths.readyOf(tenant),
    inFlightMessages: sessions.find(tenant)?.inFlight ?? 0,
    settledPerSecond: sessions.meterOf(tenant)?.ratePerSecond(nowMs) ?? 0,
  }))
  const top = largest(loads, count, (load) => load.queueReadyMessages + load.inFlightMessages + load.settledPerSecond)
  const sum = (key: keyof TenantLoad): number => {
    const of = (some: readonly TenantLoad[]): number => some.reduce((total, load) => total + load[key], 0)
    // Sums of fractions, subtracted, may fall short of nothing by a hair.
    return Math.max(0, of(loads) - of(top))
  }
  const other = {
    queueReadyMessages: sum('queueReadyMessages'),
    inFlightMessages: sum('inFlightMessages'),
    settledPerSecond: sum('settledPerSecond'),
  }
  return { top, other }
}
