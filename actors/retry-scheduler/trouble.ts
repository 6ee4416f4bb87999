/** Tenants whose queue takes nothing now (it is being made, its window is full, nobody runs them): asked ever more rarely, and nobody else waits. */
import type { TenantId } from '../../src/core/ids.ts'

export interface Trouble {
  /** Once more. Returns the delay until the next try, in milliseconds. */
  noted(tenantId: TenantId): number
  over(tenantId: TenantId): void
}

const firstMs = 1_000
const longestMs = 60_000

/** `onDue` hears when what is put off is due again. */
export function createTrouble(onDue: (atMs: number) => void): Trouble {
  const delays = new Map<TenantId, number>()
  return {
    noted(tenantId) {
      const delayMs = Math.min(longestMs, (delays.get(tenantId) ?? firstMs / 2) * 2)
      delays.set(tenantId, delayMs)
      onDue(Date.now() + delayMs)
      return delayMs
    },
    over: (tenantId) => void delays.delete(tenantId),
  }
}
