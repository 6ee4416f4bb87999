/** The timers of a node's actors. An actor that crashes does not stop its own children: their timers end with the engine here. */

export function createActorClock() {
  const timers = new Set<NodeJS.Timeout>()
  let isStopped = false
  return {
    setTimeout(callback: (...args: unknown[]) => void, delayMs: number): NodeJS.Timeout | undefined {
      if (isStopped) return undefined
      const timer = setTimeout(() => {
        timers.delete(timer)
        callback()
      }, delayMs)
      timers.add(timer)
      return timer
    },
    clearTimeout(timer: NodeJS.Timeout | undefined): void {
      if (timer !== undefined) timers.delete(timer)
      clearTimeout(timer)
    },
    /** No timer fires any more. Tolerates twice. */
    stop(): void {
      isStopped = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
