/** Decides whom to tell after desired state was read: only tenants whose version has changed, or that have gone. */
import type { TenantId } from '../../src/core/ids.ts'
import type { DesiredTenant } from '../../src/core/tenant.ts'
import type { Reading } from '../reconciler/machine.ts'

type Told = Readonly<Record<TenantId, number>>

export interface TellingPlan {
  readonly ensure: readonly DesiredTenant[]
  readonly forget: readonly TenantId[]
  /**
   * Missing from a reading of everything. That reading may have begun before the tenant was created, so these are read
   * once more, by themselves, before anybody forgets them.
   */
  readonly doubt: readonly TenantId[]
  readonly told: Told
}

/** Errors: none; total. A reading that is older than what was told changes nothing. */
export function planTelling(told: Told, reading: Reading): TellingPlan {
  const ensure = reading.tenants.filter(({ id, version }) => version > (told[id] ?? -1))
  const read = new Set(reading.tenants.map(({ id }) => id))
  const doubt = reading.kind === 'all' ? (Object.keys(told) as TenantId[]).filter((id) => !read.has(id)) : []
  const forget = reading.kind === 'some' ? reading.missing.filter((id) => id in told) : []
  if (ensure.length === 0 && forget.length === 0) return { ensure, forget, doubt, told }
  const next: Record<TenantId, number> = { ...told }
  for (const { id, version } of ensure) next[id] = version
  for (const id of forget) delete next[id]
  return { ensure, forget, doubt, told: next }
}
