/** Who gets the next free thread: tenants take turns, and none holds all, so one whose handlers spin to their deadline cannot keep the others waiting. */

export interface ThreadTurns {
  /**
   * Calls `work` when it is its turn, with at most so many at once. While there are two places or more, one tenant has all but
   * one of them at most.
   */
  take<T>(tenantId: string, work: () => Promise<T>): Promise<T>
}

export function createThreadTurns(places: number): ThreadTurns {
  const most = Math.max(1, places - 1)
  /** In the order of their turns. A queue is as long as a tenant has workers, at most. */
  const waiting = new Map<string, (() => void)[]>()
  const held = new Map<string, number>()
  let free = places

  const heldBy = (tenantId: string): number => held.get(tenantId) ?? 0
  const hold = (tenantId: string, change: 1 | -1): void => {
    free -= change
    const now = heldBy(tenantId) + change
    if (now === 0) held.delete(tenantId)
    else held.set(tenantId, now)
  }
  const queue = (tenantId: string, start: () => void): void => {
    const queued = waiting.get(tenantId)
    if (queued) queued.push(start)
    else waiting.set(tenantId, [start])
  }
  /** Whoever waits while a place is free has all that it may have, so one place that is given back lets one start at most. */
  const passOn = (): void => {
    for (const [tenantId, starts] of waiting) {
      if (heldBy(tenantId) >= most) continue
      const start = starts.shift()
      // To the end of the line.
      waiting.delete(tenantId)
      if (starts.length > 0) waiting.set(tenantId, starts)
      hold(tenantId, 1)
      start?.()
      return
    }
  }

  return {
    async take(tenantId, work) {
      if (free > 0 && heldBy(tenantId) < most) hold(tenantId, 1)
      else await new Promise<void>((resolve) => queue(tenantId, resolve))
      try {
        return await work()
      } finally {
        hold(tenantId, -1)
        passOn()
      }
    },
  }
}
